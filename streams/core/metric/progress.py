"""The arithmetic of a goal: gap, progress, trend and whether it is met.

All values are finite floats in the metric's unit; all functions are total on them.
"""

from __future__ import annotations

import math
import sys

from streams.records import Direction, Trend

_TOLERANCE = 1e-9
"""Share of the way from baseline to target by which a value may miss a target to reach."""


def coerce_number(text: str) -> float | None:
    """The finite number that ``text`` spells, blanks around it allowed; None for anything else."""
    if "_" in text:  # Python's digit separator; nobody else reads it as part of a number
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def signed_gap(target: float, current: float) -> float:
    """target - current, kept finite."""
    return max(-sys.float_info.max, min(sys.float_info.max, target - current))


def distance(direction: Direction, target: float, value: float) -> float:
    """How far ``value`` is from satisfying the target; 0 or more."""
    gap = signed_gap(target, value)
    if direction is Direction.AT_MOST:
        return max(0.0, -gap)
    if direction is Direction.AT_LEAST:
        return max(0.0, gap)
    return abs(gap)


def is_met(
    direction: Direction, target: float, current: float, baseline: float | None = None
) -> bool:
    """Whether ``current`` satisfies the target.

    A target to reach is met when it is reached or passed, coming from ``baseline``; without a
    baseline, or with one on the target, only by the target itself. Rounding errors are forgiven.
    """
    if direction is not Direction.REACH:
        return distance(direction, target, current) == 0.0
    span = 0.0 if baseline is None else signed_gap(target, baseline)
    if abs(signed_gap(target, current)) <= _TOLERANCE * abs(span or target):
        return True
    if span == 0.0:
        return False
    return current > target if span > 0 else current < target


def satisfying(direction: Direction, target: float) -> tuple[float, float]:
    """Least and largest value that satisfy the target."""
    low = -math.inf if direction is Direction.AT_MOST else target
    high = math.inf if direction is Direction.AT_LEAST else target
    return low, high


def progress_ratio(
    baseline: float | None, target: float, current: float, direction: Direction
) -> float | None:
    """Share of the way from ``baseline`` to ``target`` that lies behind ``current``, 0..1.

    None without a baseline. With a baseline on the target: 1.0 on the target, else 0.0.
    A target to stay at or below (above) counts 1.0 whenever it is met, and 0.0 when the value
    started on its good side and left it.
    """
    if direction is not Direction.REACH:
        if is_met(direction, target, current):
            return 1.0
        if baseline is not None and is_met(direction, target, baseline):
            return 0.0
    if baseline is None:
        return None
    if target == baseline:
        return 1.0 if current == target else 0.0
    span, moved = target - baseline, current - baseline
    if math.isinf(span):  # the ends of the number range; quarters of them can be subtracted
        span, moved = target / 4 - baseline / 4, current / 4 - baseline / 4
    return max(0.0, min(1.0, moved / span))


def trend(
    previous: float | None,
    current: float,
    target: float,
    direction: Direction,
    dead_band: float = 0.0,
) -> Trend:
    """Whether the distance to the target shrank, grew, or changed by no more than ``dead_band``.

    Stable without a previous value. ``dead_band`` is 0 or more, in the metric's unit.
    """
    if previous is None:
        return Trend.STABLE
    change = distance(direction, target, current) - distance(direction, target, previous)
    if abs(change) <= dead_band:
        return Trend.STABLE
    return Trend.TOWARD_GOAL if change < 0 else Trend.AWAY_FROM_GOAL
