"""Open goals of the engine that are no longer needed."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.goal_rules.situation import Situation
from streams.core.goals.state import Goals
from streams.core.metric.progress import is_met
from streams.records import CauseKind, Goal, GoalOrigin, GoalStatus


def due_for_review(goals: Goals, now: int, review_ms: int) -> list[Goal]:
    """Goals that the engine set itself, that nothing was done for, and that are old enough.

    What a plan has been carried out for is left to its measurements: there the cause may be gone
    because the plan helped.
    """
    return [
        goal
        for goal in goals.open()
        if goal.origin is GoalOrigin.AUTONOMOUS
        and goal.status is GoalStatus.ACTIVE
        and not goal.attempts
        and now - (goal.timestamp if goal.created_at is None else goal.created_at) >= review_ms
    ]


def not_needed(due: Sequence[Goal], asked: Sequence[Goal], situation: Situation) -> list[Goal]:
    """Those of ``due`` whose cause is gone: the rules have not ``asked`` for them, and their target
    holds or the pattern that they adapt to is gone. A silent metric says nothing."""
    wanted = {goal.dedupe_key for goal in asked}
    return [goal for goal in due if goal.dedupe_key not in wanted and _is_settled(goal, situation)]


def _is_settled(goal: Goal, situation: Situation) -> bool:
    reading = situation.readings.get(goal.target_metric)
    if reading is None:
        return False
    if goal.cause_kind is CauseKind.PATTERN:
        return True
    return is_met(goal.direction, goal.target_value, reading.value)
