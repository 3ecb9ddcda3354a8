"""A candidate for a goal that is open already: what of it is news."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from streams.core.goals.measurement import aim, restarted, revise
from streams.records import Goal, Priority

_NOTABLE = 0.1
"""Relative change of a number that is worth a record."""
_TIME = "_time"
"""Ending of the numbers that are moments, ms; they change relative to the time that is left."""
_LEAST_MS = 60_000


def refresh(known: Goal, candidate: Goal, current: float | None, now: int) -> Goal | None:
    """``known`` with what has changed for it; None when that is nothing notable.

    It can become more urgent and be due earlier, never the reverse. Another target begins anew:
    with its own deadline, and with ``current`` (the latest value) as baseline.
    """
    moved = aim(candidate) != aim(known)
    priority = min(known.priority, candidate.priority, key=_rank)
    deadline = candidate.deadline if moved else _earlier(known.deadline, candidate.deadline)
    sooner = _is_sooner(known.deadline, deadline, now)
    if not (moved or sooner or priority is not known.priority or _differ(known, candidate, now)):
        return None
    goal = replace(
        known,
        priority=priority,
        deadline=deadline,
        target_value=candidate.target_value,
        direction=candidate.direction,
        description=candidate.description,
        actions=candidate.actions,
        cause_kind=candidate.cause_kind,
        cause_id=candidate.cause_id,
        cause_numbers=candidate.cause_numbers,
        metadata=candidate.metadata,
    )
    return revise(restarted(goal, current) if moved else goal, now)


def _rank(priority: Priority) -> int:
    return priority.rank


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _is_sooner(before: int | None, after: int | None, now: int) -> bool:
    if after is None or before is None:
        return before is not after
    return before - after > _tolerance(before - now)


def _differ(known: Goal, candidate: Goal, now: int) -> bool:
    before, after = known.cause_numbers, candidate.cause_numbers
    return before.keys() != after.keys() or any(
        _is_notable(name, before, after, now) for name in before
    )


def _is_notable(
    name: str, before: Mapping[str, float], after: Mapping[str, float], now: int
) -> bool:
    change = abs(after[name] - before[name])
    if name.endswith(_TIME):
        return change > _tolerance(before[name] - now)
    return change > _NOTABLE * max(abs(before[name]), abs(after[name]))


def _tolerance(ahead_ms: float) -> float:
    """Shift of a moment that lies ``ahead_ms`` ahead and is not worth a record, ms."""
    return max(_LEAST_MS, _NOTABLE * ahead_ms)
