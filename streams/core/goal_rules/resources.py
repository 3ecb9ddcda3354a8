"""Rules on what is predicted of resources: short of capacity, used a lot, outgrown by a demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.core.goal_rules.candidate import GoalCandidate, candidate_goal, dedupe_key
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Reading, Situation
from streams.core.goals.measurement import NOT_BEFORE
from streams.core.kernel.model_results import SeriesForecast
from streams.core.metric.config import MetricConfig, lookup
from streams.core.metric.progress import is_met
from streams.records import (
    CauseKind,
    Direction,
    Goal,
    GoalType,
    Pattern,
    PatternType,
    Prediction,
    Priority,
    ResourceDemand,
    Severity,
)

_BOTTLENECK_STEPS = ("analyse_bottleneck", "optimise_resource", "monitor_resource")
_USE_STEPS = ("analyse_utilisation", "rebalance_load", "monitor_utilisation")
_CAPACITY_STEPS = ("forecast_demand", "plan_capacity", "provision_capacity", "verify_capacity")
_GROWTH = 1.05
"""Growth of the need from which an open goal asks for more."""


def bottleneck_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each predicted breach of a metric with a capacity.

    The target is that share of the capacity which the configuration asks for, due ``lead_ms``
    before the breach but never sooner than its hold could show.
    """
    known = ((config.metric(metric), breach) for metric, breach in situation.breaches.items())
    return [
        candidate_goal(
            situation,
            config,
            _bottleneck_candidate(breach, settings, settings.target, situation, config),
        )
        for settings, breach in known
        if settings is not None and settings.target is not None
    ]


def prediction_numbers(prediction: Prediction) -> dict[str, float]:
    """The numbers of a predicted breach, by name."""
    numbers = {
        "probability": prediction.probability,
        "limit": prediction.threshold,
        "capacity": prediction.capacity,
        "predicted_value": prediction.predicted_value,
        "current": prediction.current_value,
        "horizon_ms": float(prediction.horizon_ms),
        NOT_BEFORE: None if prediction.predicted_time is None else float(prediction.predicted_time),
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _bottleneck_candidate(
    prediction: Prediction,
    settings: MetricConfig,
    target: float,
    situation: Situation,
    config: RulesConfig,
) -> GoalCandidate:
    critical = prediction.severity is Severity.CRITICAL
    predicted = prediction.predicted_time
    bound = "above" if settings.direction is Direction.AT_LEAST else "below"
    unit = f" {settings.unit}" if settings.unit else ""
    return GoalCandidate(
        goal_type=GoalType.BOTTLENECK_PREVENTION,
        metric=prediction.metric,
        target=target,
        unit=settings.unit,
        direction=settings.direction,
        priority=Priority.CRITICAL if critical else Priority.HIGH,
        description=f"keep {prediction.metric} {bound} {target:g}{unit}: {prediction.description}",
        steps=_BOTTLENECK_STEPS,
        due=(situation.now if predicted is None else predicted) - config.goals.lead_ms,
        cause_kind=CauseKind.PREDICTION,
        cause_id=prediction.prediction_id,
        numbers=prediction_numbers(prediction),
        metadata={
            "severity": prediction.severity.value,
            "prediction_confidence": f"{prediction.confidence:g}",
            "mitigations": "; ".join(prediction.mitigations),
        },
    )


def resource_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each resource whose average use within the horizon is above the mark."""
    outlook = situation.outlook
    if outlook is None:
        return []
    return [
        candidate_goal(
            situation, config, _use_candidate(situation, config, outlook, demand, reading)
        )
        for demand in outlook.resource_demands
        if demand.utilization_percent > 100 * config.setting.utilisation
        and (reading := situation.readings.get(demand.resource_type)) is not None
    ]


def _use_candidate(
    situation: Situation,
    config: RulesConfig,
    outlook: Prediction,
    demand: ResourceDemand,
    reading: Reading,
) -> GoalCandidate:
    rules = config.setting
    metric, target = demand.resource_type, rules.target_utilisation * demand.capacity
    due = situation.now + rules.type(GoalType.RESOURCE_OPTIMIZATION).due_ms
    numbers = {
        "predicted_utilization": demand.utilization_percent / 100,
        "mark": rules.utilisation,
        "capacity": demand.capacity,
        "predicted_usage": demand.predicted_usage,
        "current": reading.value,
    }
    proof = _not_before(situation, metric, target, reading, due)
    if proof is not None:
        numbers[NOT_BEFORE] = proof
    known = config.metric(metric)
    urgent = demand.utilization_percent > 100 * rules.busy_utilisation
    return GoalCandidate(
        goal_type=GoalType.RESOURCE_OPTIMIZATION,
        metric=metric,
        target=target,
        unit=known.unit if known else "",
        direction=Direction.AT_MOST,
        priority=Priority.HIGH if urgent else Priority.MEDIUM,
        description=(
            f"bring {metric} to {target:g} or less: an average of {demand.predicted_usage:.4g} of "
            f"{demand.capacity:g} is predicted"
        ),
        steps=_USE_STEPS,
        due=due,
        cause_kind=CauseKind.PREDICTION,
        cause_id=outlook.prediction_id,
        numbers=numbers,
        metadata={
            "predicted_utilization": f"{demand.utilization_percent:.4g}",
            "capacity": f"{demand.capacity:g}",
        },
    )


def _not_before(
    situation: Situation, metric: str, target: float, reading: Reading, due: int
) -> float | None:
    """A target that holds already proves nothing before the goal's end; fixed once it is open."""
    known = situation.open_goal(dedupe_key(situation, GoalType.RESOURCE_OPTIMIZATION, metric))
    if known is not None:
        return known.cause_numbers.get(NOT_BEFORE)
    return float(due) if is_met(Direction.AT_MOST, target, reading.value) else None


class _Need(NamedTuple):
    """A demand beside the capacity that it has."""

    demand: str
    metric: str
    """Says the capacity."""
    capacity: float
    peak: float
    """Largest expected demand, now included."""
    crossing: int | None
    """When it passes the capacity, ms; None when it does not or no step shows when."""
    exceeds: bool


def capacity_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each demand that was just analysed and is expected to pass its capacity.

    Where nothing is passed, a daily spike is reason enough when the head room is missing.
    """
    goals: list[Goal] = []
    for demand, forecast in situation.forecasts.items():
        metric = lookup(config.setting.capacity_metrics, demand, config.aliases)
        reading = None if metric is None else situation.readings.get(metric)
        if metric is None or reading is None or not forecast.mean.size:
            continue
        need = _need(situation, forecast, demand, metric, reading.value)
        candidate = _capacity_candidate(situation, config, need)
        if candidate is not None:
            goals.append(candidate_goal(situation, config, candidate))
    return goals


def _need(
    situation: Situation, forecast: SeriesForecast, demand: str, metric: str, capacity: float
) -> _Need:
    path: list[float] = forecast.mean.tolist()
    reading = situation.readings.get(demand)
    first = next((step for step, mean in enumerate(path, 1) if mean > capacity), None)
    crossing = situation.now + first * forecast.step_ms if first and forecast.step_ms else None
    peak = max(path)
    if reading is not None:
        peak = max(peak, reading.value)
        crossing = situation.now if reading.value > capacity else crossing
    return _Need(demand, metric, capacity, peak, crossing, peak > capacity)


def _capacity_candidate(
    situation: Situation, config: RulesConfig, need: _Need
) -> GoalCandidate | None:
    wanted = config.setting.headroom * need.peak
    spike = None if need.exceeds else _spike(situation.patterns)
    if not need.exceeds and (spike is None or wanted <= need.capacity):
        return None
    known = situation.open_goal(dedupe_key(situation, GoalType.CAPACITY_PLANNING, need.metric))
    if known is not None and wanted <= _GROWTH * known.target_value:
        wanted = known.target_value
    numbers = {"predicted_peak": need.peak, "capacity": need.capacity}
    if need.crossing is not None:
        numbers["crossing_time"] = float(need.crossing)
    why = "which is more than there is" if need.exceeds else "and it spikes daily"
    return GoalCandidate(
        goal_type=GoalType.CAPACITY_PLANNING,
        metric=need.metric,
        target=wanted,
        direction=Direction.AT_LEAST,
        priority=Priority.CRITICAL if need.exceeds else Priority.HIGH,
        description=(
            f"raise {need.metric} from {need.capacity:g} to {wanted:g}: {need.demand} is expected "
            f"to reach {need.peak:.4g}, {why}"
        ),
        steps=_CAPACITY_STEPS,
        due=need.crossing if spike is None else spike.next_occurrence,
        hold_ms=0,
        cause_kind=CauseKind.RULE if spike is None else CauseKind.PATTERN,
        cause_id=f"{GoalType.CAPACITY_PLANNING.value}:{need.demand}"
        if spike is None
        else spike.pattern_id,
        numbers=numbers | {"headroom": config.setting.headroom},
        metadata={"demand_metric": need.demand},
    )


def _spike(patterns: Sequence[Pattern]) -> Pattern | None:
    """The surest daily spike."""
    spikes = [each for each in patterns if each.pattern_type is PatternType.PERIODIC_SPIKE]
    return min(spikes, key=lambda each: (-each.confidence, each.pattern_id), default=None)
