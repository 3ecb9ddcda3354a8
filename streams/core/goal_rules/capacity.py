"""capacity_planning: a capacity that a demand will outgrow, where both are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.core.goal_rules.candidate import Wish, candidate, dedupe_key
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Situation
from streams.core.kernel.model_results import SeriesForecast
from streams.core.metric.config import lookup
from streams.records import CauseKind, Direction, Goal, GoalType, Pattern, PatternType, Priority

_STEPS = ("forecast_demand", "plan_capacity", "provision_capacity", "verify_capacity")
_TYPE = GoalType.CAPACITY_PLANNING
_GROWTH = 1.05
"""Growth of the need from which an open goal asks for more."""


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
        wish = _wish(situation, config, need)
        if wish is not None:
            goals.append(candidate(situation, config, wish))
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


def _wish(situation: Situation, config: RulesConfig, need: _Need) -> Wish | None:
    wanted = config.setting.headroom * need.peak
    spike = None if need.exceeds else _spike(situation.patterns)
    if not need.exceeds and (spike is None or wanted <= need.capacity):
        return None
    known = situation.open_goal(dedupe_key(situation, _TYPE, need.metric))
    if known is not None and wanted <= _GROWTH * known.target_value:
        wanted = known.target_value
    numbers = {"predicted_peak": need.peak, "capacity": need.capacity}
    if need.crossing is not None:
        numbers["crossing_time"] = float(need.crossing)
    why = "which is more than there is" if need.exceeds else "and it spikes daily"
    return Wish(
        goal_type=_TYPE,
        metric=need.metric,
        target=wanted,
        direction=Direction.AT_LEAST,
        priority=Priority.CRITICAL if need.exceeds else Priority.HIGH,
        description=(
            f"raise {need.metric} from {need.capacity:g} to {wanted:g}: {need.demand} is expected "
            f"to reach {need.peak:.4g}, {why}"
        ),
        steps=_STEPS,
        due=need.crossing if spike is None else spike.next_occurrence,
        hold_ms=0,
        cause_kind=CauseKind.RULE if spike is None else CauseKind.PATTERN,
        cause_id=f"{_TYPE.value}:{need.demand}" if spike is None else spike.pattern_id,
        numbers=numbers | {"headroom": config.setting.headroom},
        metadata={"demand_metric": need.demand},
    )


def _spike(patterns: Sequence[Pattern]) -> Pattern | None:
    """The surest daily spike."""
    spikes = [each for each in patterns if each.pattern_type is PatternType.PERIODIC_SPIKE]
    return min(spikes, key=lambda each: (-each.confidence, each.pattern_id), default=None)
