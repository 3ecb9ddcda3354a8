"""The suggestion that answers an action or a changed goal: one proposed value per metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from streams.core.metric.progress import is_met, progress_ratio, signed_gap, trend
from streams.core.metric.reading import MetricReading
from streams.core.suggestions.strategies import Strategy
from streams.records import Action, Direction, Goal, GoalAnalysis, Suggestion, SuggestionKind, Trend


def analyse(goal: Goal, reading: MetricReading) -> GoalAnalysis:
    """Where ``goal`` stands by the latest measurement."""
    target, current, direction = goal.target_value, reading.value, goal.direction
    baseline = reading.baseline if goal.baseline is None else goal.baseline
    return GoalAnalysis(
        goal_id=goal.goal_id,
        metric=goal.target_metric,
        goal=target,
        current=current,
        gap=signed_gap(target, current),
        baseline=baseline,
        trend=trend(reading.previous, current, target, direction, reading.dead_band),
        progress_ratio=progress_ratio(baseline, target, current, direction),
    )


def nudge(  # noqa: PLR0913 - all that a suggestion carries
    action: Action | None,
    goals: Sequence[Goal],
    readings: Mapping[str, MetricReading],
    strategy: Strategy,
    strategy_name: str,
    now: int,
    suggestion_id: str,
    correlation_id: str,
    entity_id: str,
    entity_type: str,
    confidence: float | None,
) -> Suggestion | None:
    """What ``strategy`` proposes for the metrics that open goals target.

    None without an open goal: there is nothing to suggest. ``action`` is the one being answered,
    None when a goal change is. Its parameters are copied, never read: an intent is no
    measurement. A metric without a reading gets no value, only a line of text that says so.
    ``confidence`` (0..1) is that in the measurements; it is left out when nothing is proposed.
    """
    open_goals = [goal for goal in goals if goal.status.is_open]
    if not open_goals:
        return None
    leading = _leading_goals(open_goals, readings)
    values = {
        metric: proposed
        for metric, goal in leading.items()
        if (proposed := _propose(goal, readings[metric], strategy)) is not None
    }
    analysis = {
        goal.goal_id: analyse(goal, readings[goal.target_metric])
        for goal in open_goals
        if goal.target_metric in readings
    }
    lines = [
        _line(goal, analysis.get(goal.goal_id), values.get(goal.target_metric), leading)
        for goal in open_goals
    ]
    return Suggestion(
        entity_id=entity_id,
        entity_type=entity_type,
        timestamp=now,
        correlation_id=correlation_id,
        suggestion_id=suggestion_id,
        kind=SuggestionKind.NUDGE,
        action_id="" if action is None else action.action_id,
        goal_ids=tuple(goal.goal_id for goal in open_goals),
        values=values,
        params={} if action is None else dict(action.params),
        analysis=tuple(analysis.values()),
        text="\n".join(lines),
        confidence=confidence if values else None,
        source=strategy_name,
    )


def _leading_goals(goals: Sequence[Goal], readings: Mapping[str, MetricReading]) -> dict[str, Goal]:
    """The goal that decides on each measured metric.

    Among several an unmet one comes first, then the higher priority, then the newest.
    """
    leading: dict[str, Goal] = {}
    for goal in goals:
        if goal.target_metric not in readings:
            continue
        rival = leading.get(goal.target_metric)
        value = readings[goal.target_metric].value
        if rival is None or _precedence(goal, value) <= _precedence(rival, value):
            leading[goal.target_metric] = goal
    return leading


def _precedence(goal: Goal, value: float) -> tuple[bool, int, int]:
    created = goal.timestamp if goal.created_at is None else goal.created_at
    return _holds(goal, value), goal.priority.rank, -created


def _holds(goal: Goal, value: float) -> bool:
    """Whether a floor or ceiling is respected, so that there is no reason to move."""
    if goal.direction is Direction.REACH:
        return False
    return is_met(goal.direction, goal.target_value, value)


def _propose(goal: Goal, reading: MetricReading, strategy: Strategy) -> float | None:
    """None when the strategy gives no finite number."""
    if _holds(goal, reading.value):
        return reading.value
    proposed = strategy.propose(goal.target_metric, reading.value, goal.target_value)
    return float(proposed) if math.isfinite(proposed) else None


def _line(
    goal: Goal,
    analysis: GoalAnalysis | None,
    proposed: float | None,
    leading: Mapping[str, Goal],
) -> str:
    metric = goal.target_metric
    aim = f"{metric} {_AIMS[goal.direction]} {goal.target_value:g}{_unit(goal)}"
    if analysis is None:
        return f"{aim}: no data for {metric}, so no value is proposed"
    state = f"now {analysis.current:g}, gap {analysis.gap:g}, {_TRENDS[analysis.trend]}"
    if analysis.progress_ratio is not None:
        state += f", {analysis.progress_ratio:.0%} done"
    if leading[metric].goal_id != goal.goal_id:
        advice = f"goal {leading[metric].goal_id} comes first"
    elif proposed is None:
        advice = "the strategy proposes nothing"
    elif proposed == analysis.current:
        advice = f"stay at {proposed:g}"
    else:
        advice = f"try {proposed:g}"
    return f"{aim}: {advice} ({state})"


def _unit(goal: Goal) -> str:
    return f" {goal.unit}" if goal.unit else ""


_AIMS = {
    Direction.REACH: "to reach",
    Direction.AT_MOST: "to stay at or below",
    Direction.AT_LEAST: "to stay at or above",
}
_TRENDS = {
    Trend.STABLE: "stable",
    Trend.TOWARD_GOAL: "towards the goal",
    Trend.AWAY_FROM_GOAL: "away from the goal",
}
