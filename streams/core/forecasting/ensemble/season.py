"""Time of day and hour of the week: profiles around a slow base, learned from residuals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.layout import (
    BINS,
    GAPS,
    PROFILE_A,
    PROFILE_B,
    WEEK,
    WEEK_BINS,
    A,
)
from streams.core.forecasting.ensemble.windows import place
from streams.core.forecasting.jit import compiled

DAY, WEEK_SECONDS = 86_400.0, 604_800.0
_FEWEST_STEPS, _MOST_STEPS = 4, 1440
"""A day of fewer or more steps is not looked for."""
_RATES = (0.25, 0.08)
"""Of profile a and b, per visit of a bin; larger on the first visits."""
_CLIP = 2.0
"""Updates are cut at so many mean absolute deviations."""
_WEEK_RATE, _WEEK_CLIP = 0.3, 1.0
_BASE_RATE, _BASE_CLIP = 0.25, 3.0
"""Rate per day of the base, which learns what profile b leaves over: otherwise the daily wave
leaks into it."""
_FAST, _SLOW = 0.5, 0.1
_ROUNDING = 1e-6
"""Of a bin: without it, rounding puts a time at the very start of a bin into the one before."""
DECAY_FAST = np.array([0.9**a for a in A])
DECAY_SLOW = np.array([0.985**a for a in A])
"""How much of a residual is left at each anchor."""


@compiled
def find_season(row: Any, timestamp: float) -> bool:
    """Take a timestamp (s) into the search for step and season; True when a season is found.

    The gaps are kept sorted in the daily profile, which is not in use yet. Gaps of zero or less
    do not count.
    """
    if row.gap_count >= GAPS or timestamp <= row.timestamp:
        return False
    gaps, count = row.daily[0], row.gap_count
    place(gaps, count + 1, count, np.float32(timestamp - row.timestamp))
    row.gap_count = count + 1
    row.step = gaps[count // 2]
    if row.gap_count < GAPS:
        return False
    row.step = 0.5 * (gaps[GAPS // 2 - 1] + gaps[GAPS // 2])
    for i in range(GAPS):
        gaps[i] = np.float32(0)
    ratio = DAY / row.step
    if not (_FEWEST_STEPS - 0.5 <= ratio < _MOST_STEPS + 0.5):
        return False
    row.season = round(ratio)
    row.bins = min(row.season, BINS)
    row.base = row.level_start
    return True


@compiled
def daily_bin(timestamp: float, bins: int) -> int:
    return _bin(timestamp, DAY, bins)


@compiled
def weekly_bin(timestamp: float) -> int:
    return _bin(timestamp, WEEK_SECONDS, WEEK_BINS)


@compiled
def _bin(timestamp: float, period: float, bins: int) -> int:
    within = timestamp - period * math.floor(timestamp / period)
    return min(int(within * bins / period + _ROUNDING), bins - 1)


@compiled
def learn_season(row: Any, t: int, z: float) -> None:
    """Take a value at ``row.timestamp`` into base and profiles."""
    n = t + 1
    steps = row.season
    k = daily_bin(row.timestamp, row.bins)
    _learn_base(row, n, k, z)
    rest = z - row.base
    age = n - row.begun
    visit = 1.0 / (1.0 + math.floor((age - 1) / steps))
    thin = row.bins / steps
    row.deviation_a = _learn_profile(row, 0, k, rest, max(_RATES[0], visit) * thin, row.deviation_a)
    row.deviation_b = _learn_profile(row, 1, k, rest, max(_RATES[1], visit) * thin, row.deviation_b)
    _learn_week(row, rest, age)


@compiled
def _learn_base(row: Any, n: int, k: int, z: float) -> None:
    steps = row.season
    if n < 2 * steps:
        row.base += max(1.0 / steps, 1.0 / n) * (z - row.base)
        return
    error = z - row.base - row.daily[1, k]
    most = _BASE_CLIP * row.deviation_b
    row.base += _BASE_RATE / steps * min(max(error, -most), most)


@compiled
def _learn_profile(
    row: Any, which: int, k: int, rest: float, rate: float, deviation: float
) -> float:
    """Returns the new mean absolute residual of the profile."""
    error = rest - row.daily[which, k]
    size = abs(error)
    if deviation > 0:
        deviation += 0.01 * (min(size, 4 * deviation) - deviation)
    else:
        deviation = size
    most = _CLIP * deviation
    error = min(max(error, -most), most)
    row.residuals[which, 0] += _FAST * (error - row.residuals[which, 0])
    row.residuals[which, 1] += _SLOW * (error - row.residuals[which, 1])
    row.daily[which, k] += np.float32(rate * error)
    return deviation


@compiled
def _learn_week(row: Any, rest: float, age: int) -> None:
    k = weekly_bin(row.timestamp)
    error = rest - row.weekly[k]
    most = _WEEK_CLIP * row.deviation_a
    points = 7.0 * row.season / WEEK_BINS
    visit = 1.0 / (1.0 + (age - 1) / (7.0 * row.season)) / max(1.0, points)
    rate = max(min(0.5, _WEEK_RATE / points), min(1.0, visit))
    row.weekly[k] += np.float32(rate * min(max(error, -most), most))
    row.week_residual = rest - row.weekly[k]


@compiled
def seasonal_experts(row: Any, j: int, x: Any) -> None:
    """Write what the profiles say of anchor ``j`` into ``x``."""
    target = row.timestamp + A[j] * row.step
    k = daily_bin(target, row.bins)
    for which in range(2):
        first = PROFILE_A if which == 0 else PROFILE_B
        plain = row.daily[which, k] + row.base
        x[first] = plain
        x[first + 1] = plain + row.residuals[which, 0] * DECAY_FAST[j]
        x[first + 2] = plain + row.residuals[which, 1] * DECAY_SLOW[j]
    x[WEEK] = row.weekly[weekly_bin(target)] + row.base + row.week_residual * DECAY_SLOW[j]


@compiled
def seasonal_move(row: Any, weights: Any, start: int, end: int) -> float:
    """How far the profiles, each times its weight (3), move from one step ahead to another."""
    if row.season == 0:
        return 0.0
    begin = row.timestamp + start * row.step
    target = row.timestamp + end * row.step
    k, to = daily_bin(begin, row.bins), daily_bin(target, row.bins)
    move = 0.0
    for which in range(2):
        move += weights[which] * (row.daily[which, to] - row.daily[which, k])
    return move + weights[2] * (row.weekly[weekly_bin(target)] - row.weekly[weekly_bin(begin)])
