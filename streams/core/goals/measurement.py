"""One goal after it was admitted: measured, held, pursued, achieved, failed or cancelled.

Each function takes a revision and gives the next one, or None when there is nothing to say.
Only measurements move progress, and only a measurement achieves a goal.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from streams.core.goals.state import Published, way_of
from streams.core.metric.progress import is_met, progress_ratio, signed_gap, trend
from streams.records import Direction, Goal, GoalStatus, Trend

PROGRESS_STEP = 0.05
"""Change of progress that is worth a record at once."""
PROGRESS_REST_MS = 600_000
"""Time after a record from which any change of progress is worth the next."""
_MOST_TURNS = 8
_NOISY = 3.0
"""Two values may differ by so many mean errors without meaning anything."""
_MOST_NOISE = 0.25
"""Progress that moves farther counts, however noisy the metric is."""
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
    goal: Goal,
    value: float,
    previous: float | None,
    now: int,
    dead_band: float = 0.0,
    *,
    after_silence: bool = False,
) -> Goal | None:
    """Next revision after the metric was measured; None when nothing observable changed.

    ``previous`` is the value measured before, ``now`` the decision time in ms. A hold does not
    run on through silence: what was between, nobody knows. A target to reach is
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
        met_since = now if goal.met_since is None or after_silence else goal.met_since
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


def is_notable(before: Goal, after: Goal, published: Published, dead_band: float = 0.0) -> bool:
    """Whether ``after`` is worth a record when ``before`` was known.

    Notable are a change of status, target, priority or deadline, the first measurement, and
    progress that moved by ``PROGRESS_STEP``, or at all once ``PROGRESS_REST_MS`` have passed.
    What the metric's noise may do (``dead_band``, in its unit) is no move of progress. Where it
    goes to and fro, each turn but the first waits twice as long as the one before.
    """
    if _landmarks(before) != _landmarks(after):
        return True
    moved = abs(after.progress - published.progress) + 1e-12
    if moved < max(_noise(after, dead_band), 1e-9):
        return False
    age = after.timestamp - published.at
    if published.turns and published.way * way_of(after.progress - published.progress) < 0:
        return age >= PROGRESS_REST_MS << min(published.turns - 1, _MOST_TURNS)
    return moved >= PROGRESS_STEP or age >= PROGRESS_REST_MS


def _noise(goal: Goal, dead_band: float) -> float:
    """How far noise alone may move the progress between two measurements."""
    baseline = goal.target_value if goal.baseline is None else goal.baseline
    span = abs(goal.target_value - baseline)
    return min(_NOISY * dead_band / span, _MOST_NOISE) if span else 0.0


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


def _landmarks(goal: Goal) -> tuple[object, ...]:
    return goal.status, *aim(goal), goal.priority, goal.deadline, goal.current_value is None


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
