"""Rules on what is measured: an error budget, an objective, a cost, the efficiency of a task.

sla_maintenance looks at the burn rate, the share of bad requests over the share that the objective
allows. It has to be too high over a long window and still over a short one, so that neither a
single bad moment nor an incident that is over is a reason (multiwindow burn-rate alerts, The Site
Reliability Workbook, chapter 5). Values count alike, however many requests they stand for.
"""

from __future__ import annotations

from statistics import fmean
from typing import NamedTuple

from streams.core.goal_rules.candidate import GoalCandidate, candidate_goal, dedupe_key, measured
from streams.core.goal_rules.config import Objective, RulesConfig, SettingConfig
from streams.core.goal_rules.resources import prediction_numbers
from streams.core.goal_rules.situation import History, Reading, Situation
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
)

_SERVICE_STEPS = ("analyse_errors", "reduce_errors", "monitor_service_level")
_LEAST = 6
"""Values without which the long window says nothing."""
_SHORT = 12
"""The short window is this part of the long one."""
_CRITICAL, _HIGH = 14.4, 6.0
"""Burn rates that use 2 % of a month's budget in an hour, and 5 % in six."""
_PERFORMANCE_STEPS = (
    "profile_performance",
    "optimise_hot_paths",
    "cache_results",
    "monitor_performance",
)
_COST_STEPS = ("analyse_costs", "remove_waste", "resize_resources", "monitor_costs")
_ADAPTATION_STEPS = ("analyse_pattern", "prepare_resources", "schedule_ahead", "monitor_efficiency")


class Burn(NamedTuple):
    """Speed at which the budget is used up; 1 is what the objective allows."""

    long: float
    short: float


def service_level_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each objective whose budget burns faster than the configuration allows."""
    rules = config.setting
    goals: list[Goal] = []
    for metric, _, level in measured(situation, rules.service_levels, config.aliases):
        history = situation.histories.get(metric)
        burn = None if history is None else burn_rate(history, level, rules)
        if burn is not None and min(burn) > rules.burn_rate:
            goals.append(
                candidate_goal(situation, config, _service_candidate(metric, level, burn, rules))
            )
    return goals


def burn_rate(history: History, level: Objective, rules: SettingConfig) -> Burn | None:
    """Burn over both windows, as far as values are kept; None with fewer than six values."""
    if len(history.values) < _LEAST:
        return None
    step = history.step_ms
    steps = max(_LEAST, rules.burn_window_ms // step) if step > 0 else len(history.values)
    newest = history.values[-steps:]
    short = newest[-max(1, len(newest) // _SHORT) :]
    return Burn(_burn(newest, level), _burn(short, level))


def _burn(values: tuple[float, ...], level: Objective) -> float:
    floor = level.direction is Direction.AT_LEAST
    budget = 1 - level.target if floor else level.target
    bad = (1 - value if floor else value for value in values)
    return fmean(min(1.0, max(0.0, share)) for share in bad) / budget


def _service_candidate(
    metric: str, level: Objective, burn: Burn, rules: SettingConfig
) -> GoalCandidate:
    slowest = min(burn)
    urgent = Priority.HIGH if slowest >= _HIGH else Priority.MEDIUM
    bound = "at least" if level.direction is Direction.AT_LEAST else "at most"
    return GoalCandidate(
        goal_type=GoalType.SLA_MAINTENANCE,
        metric=metric,
        target=level.target,
        unit=level.unit,
        direction=level.direction,
        priority=Priority.CRITICAL if slowest >= _CRITICAL else urgent,
        description=(
            f"keep {metric} {bound} {level.target:g}: the error budget burns {burn.long:.3g} times "
            "as fast as it may"
        ),
        steps=_SERVICE_STEPS,
        cause_kind=CauseKind.RULE,
        cause_id=f"{GoalType.SLA_MAINTENANCE.value}:{metric}",
        numbers={
            "objective": level.target,
            "burn_rate": burn.long,
            "burn_rate_now": burn.short,
            "mark": rules.burn_rate,
            "window_ms": float(rules.burn_window_ms),
        },
    )


def performance_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each metric whose objective does not hold, now or in the forecast."""
    goals: list[Goal] = []
    objectives = config.setting.objectives
    for metric, reading, objective in measured(situation, objectives, config.aliases):
        predicted = _predicted(situation, config, metric)
        holds = is_met(objective.direction, objective.target, reading.value)
        if predicted is not None or not holds:
            candidate = _performance_candidate(metric, objective, reading, predicted)
            goals.append(candidate_goal(situation, config, candidate))
    return goals


def _predicted(situation: Situation, config: RulesConfig, metric: str) -> Prediction | None:
    """The predicted breach of the objective; a breach of the capacity is not this rule's."""
    known = config.metric(metric)
    has_capacity = known is not None and known.limit is not None
    return None if has_capacity else situation.breaches.get(metric)


def _performance_candidate(
    metric: str, objective: Objective, reading: Reading, predicted: Prediction | None
) -> GoalCandidate:
    bound = "above" if objective.direction is Direction.AT_LEAST else "below"
    unit = f" {objective.unit}" if objective.unit else ""
    numbers = {"objective": objective.target, "current": reading.value}
    if predicted is not None:
        numbers |= prediction_numbers(predicted)
    why = f"it is {reading.value:g}{unit}" if predicted is None else predicted.description
    return GoalCandidate(
        goal_type=GoalType.PERFORMANCE_TARGET,
        metric=metric,
        target=objective.target,
        unit=objective.unit,
        direction=objective.direction,
        priority=Priority.HIGH,
        description=f"keep {metric} {bound} {objective.target:g}{unit}: {why}",
        steps=_PERFORMANCE_STEPS,
        cause_kind=CauseKind.RULE if predicted is None else CauseKind.PREDICTION,
        cause_id=f"{GoalType.PERFORMANCE_TARGET.value}:{metric}"
        if predicted is None
        else predicted.prediction_id,
        numbers=numbers,
    )


def cost_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each cost that is measured. An open one keeps the target it began with."""
    metrics = dict.fromkeys(config.setting.cost_metrics, True)
    return [
        candidate_goal(situation, config, _cost_candidate(situation, config, metric, reading))
        for metric, reading, _ in measured(situation, metrics, config.aliases)
        if reading.value > 0
    ]


def _cost_candidate(
    situation: Situation, config: RulesConfig, metric: str, reading: Reading
) -> GoalCandidate:
    share = config.setting.cost_reduction
    known = situation.open_goal(dedupe_key(situation, GoalType.COST_REDUCTION, metric))
    target = (1 - share) * reading.value if known is None else known.target_value
    settings = config.metric(metric)
    return GoalCandidate(
        goal_type=GoalType.COST_REDUCTION,
        metric=metric,
        target=target,
        unit=settings.unit if settings else "",
        direction=Direction.AT_MOST,
        priority=Priority.MEDIUM,
        description=f"save {100 * share:.3g} % of {metric}: {target:.6g} instead of "
        f"{reading.value:.6g}",
        steps=_COST_STEPS,
        cause_kind=CauseKind.RULE,
        cause_id=f"{GoalType.COST_REDUCTION.value}:{metric}",
        numbers={"current": reading.value, "reduction": share}
        if known is None
        else known.cause_numbers,
        metadata={"target_reduction_percent": f"{100 * share:.3g}"},
    )


def adaptation_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each of the surest recurring tasks, where the efficiency is measured.

    A goal that is open keeps the target it began with.
    """
    rules = config.setting
    return [
        candidate_goal(
            situation, config, _adaptation_candidate(situation, config, metric, reading, pattern)
        )
        for metric, reading, _ in measured(situation, {rules.pattern_metric: 1}, config.aliases)
        if reading.value > 0
        for pattern in _recurring(situation)[: rules.max_patterns]
    ]


def _recurring(situation: Situation) -> list[Pattern]:
    """The surest first."""
    tasks = (p for p in situation.patterns if p.pattern_type is PatternType.RECURRING_TASK)
    return sorted(tasks, key=lambda each: (-each.confidence, each.pattern_id))


def _adaptation_candidate(
    situation: Situation, config: RulesConfig, metric: str, reading: Reading, pattern: Pattern
) -> GoalCandidate:
    gain = config.setting.pattern_gain
    known = situation.open_goal(
        dedupe_key(situation, GoalType.PATTERN_ADAPTATION, metric, pattern.pattern_id)
    )
    target = (1 + gain) * reading.value if known is None else known.target_value
    numbers = {
        "current": reading.value,
        "gain": gain,
        "confidence": pattern.confidence,
        "occurrences": float(pattern.occurrences),
    }
    return GoalCandidate(
        goal_type=GoalType.PATTERN_ADAPTATION,
        metric=metric,
        target=target,
        direction=Direction.AT_LEAST,
        priority=Priority.MEDIUM,
        description=f"raise {metric} to {target:.6g} or more: {pattern.description}",
        steps=_ADAPTATION_STEPS,
        cause_kind=CauseKind.PATTERN,
        cause_id=pattern.pattern_id,
        numbers=numbers if known is None else known.cause_numbers,
        topic=pattern.pattern_id,
        metadata={
            "pattern_id": pattern.pattern_id,
            "frequency": pattern.frequency,
            "occurrences": str(pattern.occurrences),
        },
    )
