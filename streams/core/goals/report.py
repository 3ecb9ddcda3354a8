"""What became of an entity's goals."""

from __future__ import annotations

import msgspec

from streams.core.goals.state import Achievement, Goals
from streams.records import Goal, GoalStatus, Plan, StepStatus

ACHIEVEMENTS_KEPT = 10


class AchievementReport(msgspec.Struct, frozen=True, kw_only=True):
    """Counts are of all goals of the entity so far."""

    total_goals: int
    achieved_goals: int
    closed_goals: int
    """Achieved, failed or cancelled."""
    active_goals: int
    """Active or in progress now."""
    achievement_rate: float
    """achieved / total, 0 without goals."""
    recent_achievements: tuple[Achievement, ...]
    """How the latest goals ended, oldest first."""


def achievement_of(goal: Goal, plans: list[Plan]) -> Achievement:
    """How a closed goal ended. ``plans`` are those of its entity, in order."""
    closed = goal.timestamp if goal.closed_at is None else goal.closed_at
    begun = closed if goal.created_at is None else goal.created_at
    return Achievement(
        goal_id=goal.goal_id,
        achieved=goal.status is GoalStatus.ACHIEVED,
        achievement_time=closed,
        final_value=goal.current_value,
        target_value=goal.target_value,
        actions_taken=tuple(
            step.name
            for plan in plans
            if plan.goal_id == goal.goal_id
            for step in plan.actions
            if step.status is StepStatus.DONE
        ),
        time_to_achieve_ms=max(0, closed - begun),
        notes=goal.close_reason,
    )


def note_goal(goals: Goals, goal: Goal, plans: list[Plan], *, is_new: bool, was_open: bool) -> None:
    """Count a revision that is about to replace the one before; ``plans`` are the entity's."""
    goals.admitted += is_new
    if goal.status.is_open or not (is_new or was_open):
        return
    goals.closed += 1
    goals.achieved += goal.status is GoalStatus.ACHIEVED
    goals.achievements.append(achievement_of(goal, plans))
    del goals.achievements[:-ACHIEVEMENTS_KEPT]


def report(goals: Goals) -> AchievementReport:
    """What became of an entity's goals so far."""
    total = goals.admitted
    return AchievementReport(
        total_goals=total,
        achieved_goals=goals.achieved,
        closed_goals=goals.closed,
        active_goals=len(goals.open()),
        achievement_rate=goals.achieved / total if total else 0.0,
        recent_achievements=tuple(goals.achievements),
    )
