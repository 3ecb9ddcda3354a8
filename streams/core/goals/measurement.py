"""One goal after it was admitted: measured, held, pursued, achieved, failed or cancelled.

Each function takes a revision and gives the next one, or None when there is nothing to say.
Only measurements move progress, and only a measurement achieves a goal.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from streams.core.metric.progress import is_met, progress_ratio, signed_gap, trend
from streams.records import Direction, Goal, GoalStatus, Trend

PROGRESS_STEP = 0.05
"""Change of progress that is worth a record."""
NOT_BEFORE = "predicted_time"
"""Name in ``cause_numbers`` of the moment (ms) before which holding a target proves nothing."""


class CloseReason(StrEnum):
    """Why the engine closed a goal; a user's own words may stand in their place."""

    MET = "target met"
    DEADLINE = "deadline passed unmet"
    CAP = "more open goals than max_active_goals"
    REPLACED = "replaced by a new goal state"
    REQUESTED = "cancelled on request"
    UNNEEDED = "no longer needed"
    SUPERSEDED = "replaced by a goal that comes first"
    PARTS = "all parts achieved"
    PART_FAILED = "closed parts were not all achieved"
    PARENT = "the goal that it is part of was closed"


def measure(
    goal: Goal, value: float, previous: float | None, now: int, dead_band: float = 0.0
) -> Goal | None:
    """Next revision after the metric was measured; None when nothing observable changed.

    ``previous`` is the value measured before, ``now`` the event time in ms. A target to reach is
    achieved at once, the others after ``hold_ms`` of holding. Past the deadline only a target
    that was met in time may still complete its hold; any other goal fails unchanged.
    """
    if not goal.status.is_open:
        return None
    expired = close_expired(goal, now)
    if expired is not None:
        return expired
    after = observe(goal, value)
    met_since = None
    if is_met(goal.direction, goal.target_value, value, after.baseline):
        met_since = now if goal.met_since is None else goal.met_since
    direction = trend(previous, value, goal.target_value, goal.direction, dead_band)
    after = replace(after, trend=direction, met_since=met_since)
    if met_since is not None and _has_held(goal, met_since, now):
        return close(after, GoalStatus.ACHIEVED, CloseReason.MET, now)
    if after == goal:
        return None
    return close_expired(after, now) or revise(after, now)


def observe(goal: Goal, value: float) -> Goal:
    """``goal`` with baseline (if it had none), current value, gap and progress for ``value``.

    The revision is left as it is.
    """
    baseline = value if goal.baseline is None else goal.baseline
    target, direction = goal.target_value, goal.direction
    ratio = progress_ratio(baseline, target, value, direction)
    met = is_met(direction, target, value, baseline)
    return replace(
        goal,
        baseline=baseline,
        current_value=value,
        gap=signed_gap(target, value),
        progress=1.0 if met else ratio or 0.0,
    )


def close_expired(goal: Goal, now: int) -> Goal | None:
    """The failed revision of an open goal whose deadline passed while it was unmet, else None.

    A target that was met in time and is still being held stays open: the hold decides.
    """
    if not goal.status.is_open or goal.deadline is None or now <= goal.deadline:
        return None
    if goal.met_since is not None:
        return None
    return close(goal, GoalStatus.FAILED, CloseReason.DEADLINE, now)


def cancel(goal: Goal, reason: str, now: int) -> Goal:
    """The cancelled revision of a goal; a closed goal is given back as it is."""
    return close(goal, GoalStatus.CANCELLED, reason, now) if goal.status.is_open else goal


def restarted(goal: Goal, current: float | None) -> Goal:
    """``goal`` as if nothing had been measured for it yet but ``current``."""
    fresh = replace(
        goal,
        baseline=None,
        current_value=None,
        gap=None,
        trend=Trend.STABLE,
        progress=0.0,
        met_since=None,
    )
    return fresh if current is None else observe(fresh, current)


def aim(goal: Goal) -> tuple[str, float, Direction]:
    """What a goal asks for: metric, target, and on which side of it."""
    return goal.target_metric, goal.target_value, goal.direction


def is_notable(before: Goal, after: Goal, published_progress: float | None = None) -> bool:
    """Whether ``after`` is worth a record when ``before`` was known.

    Notable are a change of status, trend, target or of being met, the first measurement, and
    progress that moved by ``PROGRESS_STEP``. Give ``published_progress`` when ``before`` is not
    the last published revision: a slow drift adds up only against that.
    """
    reference = before.progress if published_progress is None else published_progress
    return (
        _landmarks(before) != _landmarks(after)
        or abs(after.progress - reference) >= PROGRESS_STEP - 1e-12
    )


def revise(goal: Goal, now: int) -> Goal:
    """The same content as the next revision; a goal's time never runs backwards."""
    return replace(goal, revision=goal.revision + 1, timestamp=max(now, goal.timestamp))


def _has_held(goal: Goal, met_since: int, now: int) -> bool:
    if goal.direction is Direction.REACH:
        return True
    return now - met_since >= goal.hold_ms and now >= goal.cause_numbers.get(NOT_BEFORE, now)


def close(goal: Goal, status: GoalStatus, reason: str, now: int) -> Goal:
    """The last revision of an open goal."""
    closed = revise(goal, now)
    return replace(closed, status=status, closed_at=closed.timestamp, close_reason=str(reason))


def _landmarks(goal: Goal) -> tuple[GoalStatus, Trend, float, bool, bool]:
    return (
        goal.status,
        goal.trend,
        goal.target_value,
        goal.met_since is None,
        goal.current_value is None,
    )


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
