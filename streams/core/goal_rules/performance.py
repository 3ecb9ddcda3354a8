"""performance_target: an objective that is missed, or that a forecast says will be."""

from __future__ import annotations

from streams.core.goal_rules.bottleneck import prediction_numbers
from streams.core.goal_rules.candidate import Wish, candidate, measured
from streams.core.goal_rules.config import Objective, RulesConfig
from streams.core.goal_rules.situation import Reading, Situation
from streams.core.metric.progress import is_met
from streams.records import CauseKind, Direction, Goal, GoalType, Prediction, Priority

_STEPS = ("profile_performance", "optimise_hot_paths", "cache_results", "monitor_performance")
_TYPE = GoalType.PERFORMANCE_TARGET


def performance_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each metric whose objective does not hold, now or in the forecast."""
    goals: list[Goal] = []
    objectives = config.setting.objectives
    for metric, reading, objective in measured(situation, objectives, config.aliases):
        predicted = _predicted(situation, config, metric)
        holds = is_met(objective.direction, objective.target, reading.value)
        if predicted is not None or not holds:
            wish = _wish(metric, objective, reading, predicted)
            goals.append(candidate(situation, config, wish))
    return goals


def _predicted(situation: Situation, config: RulesConfig, metric: str) -> Prediction | None:
    """The predicted breach of the objective; a breach of the capacity is not this rule's."""
    known = config.metric(metric)
    has_capacity = known is not None and known.limit is not None
    return None if has_capacity else situation.breaches.get(metric)


def _wish(
    metric: str, objective: Objective, reading: Reading, predicted: Prediction | None
) -> Wish:
    bound = "above" if objective.direction is Direction.AT_LEAST else "below"
    unit = f" {objective.unit}" if objective.unit else ""
    numbers = {"objective": objective.target, "current": reading.value}
    if predicted is not None:
        numbers |= prediction_numbers(predicted)
    why = f"it is {reading.value:g}{unit}" if predicted is None else predicted.description
    return Wish(
        goal_type=_TYPE,
        metric=metric,
        target=objective.target,
        unit=objective.unit,
        direction=objective.direction,
        priority=Priority.HIGH,
        description=f"keep {metric} {bound} {objective.target:g}{unit}: {why}",
        steps=_STEPS,
        cause_kind=CauseKind.RULE if predicted is None else CauseKind.PREDICTION,
        cause_id=f"{_TYPE.value}:{metric}" if predicted is None else predicted.prediction_id,
        numbers=numbers,
    )
