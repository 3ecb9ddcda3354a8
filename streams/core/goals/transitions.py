"""Moves of a goal that plans bring about: active <-> in_progress, and given up.

Each function takes an open goal and gives its next revision; None when the move is not possible.
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.core.goals.measurement import close, revise
from streams.records import Goal, GoalStatus


def begin(goal: Goal, now: int) -> Goal | None:
    """A plan for it starts: active -> in_progress."""
    if goal.status is not GoalStatus.ACTIVE:
        return None
    return replace(revise(goal, now), status=GoalStatus.IN_PROGRESS)


def release(goal: Goal, now: int) -> Goal | None:
    """Its plan ended and it is not met: in_progress -> active, one attempt more."""
    if goal.status is not GoalStatus.IN_PROGRESS:
        return None
    return replace(revise(goal, now), status=GoalStatus.ACTIVE, attempts=goal.attempts + 1)


def attempted(goal: Goal, now: int) -> Goal | None:
    """A plan was carried out for it; its status stays."""
    if not goal.status.is_open:
        return None
    return replace(revise(goal, now), attempts=goal.attempts + 1)


def fail(reason: str, goal: Goal, now: int) -> Goal | None:
    """It is given up, for ``reason``."""
    return close(goal, GoalStatus.FAILED, reason, now) if goal.status.is_open else None
