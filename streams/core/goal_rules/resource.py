"""resource_optimization: a resource that is predicted to be used a lot, without running short."""

from __future__ import annotations

from streams.core.goal_rules.candidate import Wish, candidate, dedupe_key
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Reading, Situation
from streams.core.goals.measurement import NOT_BEFORE
from streams.core.metric.progress import is_met
from streams.records import (
    CauseKind,
    Direction,
    Goal,
    GoalType,
    Prediction,
    Priority,
    ResourceDemand,
)

_STEPS = ("analyse_utilisation", "rebalance_load", "monitor_utilisation")
_TYPE = GoalType.RESOURCE_OPTIMIZATION


def resource_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each resource whose average use within the horizon is above the mark."""
    outlook = situation.outlook
    if outlook is None:
        return []
    return [
        candidate(situation, config, _wish(situation, config, outlook, demand, reading))
        for demand in outlook.resource_demands
        if demand.utilization_percent > 100 * config.setting.utilisation
        and (reading := situation.readings.get(demand.resource_type)) is not None
    ]


def _wish(
    situation: Situation,
    config: RulesConfig,
    outlook: Prediction,
    demand: ResourceDemand,
    reading: Reading,
) -> Wish:
    rules = config.setting
    metric, target = demand.resource_type, rules.target_utilisation * demand.capacity
    due = situation.now + rules.type(_TYPE).due_ms
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
    return Wish(
        goal_type=_TYPE,
        metric=metric,
        target=target,
        unit=known.unit if known else "",
        direction=Direction.AT_MOST,
        priority=Priority.HIGH if urgent else Priority.MEDIUM,
        description=(
            f"bring {metric} to {target:g} or less: an average of {demand.predicted_usage:.4g} of "
            f"{demand.capacity:g} is predicted"
        ),
        steps=_STEPS,
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
    known = situation.open_goal(dedupe_key(situation, _TYPE, metric))
    if known is not None:
        return known.cause_numbers.get(NOT_BEFORE)
    return float(due) if is_met(Direction.AT_MOST, target, reading.value) else None
