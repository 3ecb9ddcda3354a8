"""What became of an entity's goals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.records import Goal, GoalStatus, Plan, StepStatus

if TYPE_CHECKING:  # the state holds achievements
    from streams.core.kernel.entity import EntityState

ACHIEVEMENTS_KEPT = 10


class Achievement(msgspec.Struct, frozen=True, kw_only=True):
    """How one goal ended."""

    goal_id: str
    achieved: bool
    achievement_time: int
    """When it was closed, ms."""
    final_value: float | None = None
    """Last measured, in the metric's unit."""
    target_value: float
    actions_taken: tuple[str, ...] = ()
    """Action types that were carried out for it, in order."""
    time_to_achieve_ms: int
    """From its creation to its end."""
    notes: str = ""
    """Why it was closed."""


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


def note_goal(state: EntityState, goal: Goal, *, is_new: bool, was_open: bool) -> None:
    """Count a revision that is about to replace the one before."""
    state.goals_set += is_new
    if goal.status.is_open or not (is_new or was_open):
        return
    state.goals_closed += 1
    state.goals_achieved += goal.status is GoalStatus.ACHIEVED
    state.achievements.append(achievement_of(goal, list(state.plans.values())))
    del state.achievements[:-ACHIEVEMENTS_KEPT]


def report(state: EntityState) -> AchievementReport:
    """What became of the goals of ``state`` so far."""
    total = state.goals_set
    return AchievementReport(
        total_goals=total,
        achieved_goals=state.goals_achieved,
        closed_goals=state.goals_closed,
        active_goals=len(state.open_goals()),
        achievement_rate=state.goals_achieved / total if total else 0.0,
        recent_achievements=tuple(state.achievements),
    )
