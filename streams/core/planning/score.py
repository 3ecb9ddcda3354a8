"""Which goal's plan comes first."""

from __future__ import annotations

from streams.records import Goal, Priority

MAX_SCORE = 150.0

_HOUR_MS = 3_600_000
_BASE = {
    Priority.CRITICAL: 100.0,
    Priority.HIGH: 75.0,
    Priority.MEDIUM: 50.0,
    Priority.LOW: 25.0,
}


def priority_score(goal: Goal, now: int) -> float:
    """0..150: priority, plus what the deadline adds, plus 10 for all that is still to be done.

    The deadline adds 25 within an hour or when it has passed, 15 within 24 hours.
    """
    missing = 1 - min(1.0, max(0.0, goal.progress))
    return min(MAX_SCORE, _BASE[goal.priority] + _urgency(goal.deadline, now) + 10 * missing)


def _urgency(deadline: int | None, now: int) -> float:
    if deadline is None:
        return 0.0
    left = deadline - now
    if left < _HOUR_MS:
        return 25.0
    return 15.0 if left < 24 * _HOUR_MS else 0.0
