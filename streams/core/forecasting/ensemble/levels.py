"""What a series has lately been like: levels, windows, swing; and the experts made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.layout import (
    CLASS_RISE,
    CLASS_VALUES,
    CLASSES,
    LAG_1,
    LAG_2,
    LAST,
    LEVEL_FAST,
    LEVEL_FASTEST,
    LEVEL_MEDIUM,
    LEVEL_SLOW,
    LONG_EVERY,
    LONG_WINDOW,
    MEDIAN_24,
    MEDIAN_72,
    MEDIAN_400,
    PROFILE_A,
    RISE_STEPS,
    SHORT_WINDOW,
    SPREAD,
    STATE_RISE,
    STATE_VALUES,
    WEEK,
    WIDTH,
    WINDOW,
)
from streams.core.forecasting.ensemble.windows import slide
from streams.core.forecasting.jit import compiled

_NEAR, _FAR = np.float32(0.15), np.float32(0.6)
"""Distances from the median, in spreads, that part the classes of a value."""
_RISE = np.float32(0.5)
_SWING_SHARE = 0.2
"""Keeps the volatility from falling to nothing on a quiet stretch."""


@compiled
def follow(row: Any, t: int, z: float) -> None:
    """Take value number ``t`` (from 0), relative to the offset, into levels and windows."""
    inverse = 1.0 / (t + 1)
    previous = row.last if t > 0 else z
    row.mean_step += max(0.005, inverse) * (abs(z - previous) - row.mean_step)
    row.lag_2 = row.lag_1
    row.lag_1 = previous
    row.last = z
    row.level_fastest += max(0.7, inverse) * (z - row.level_fastest)
    row.level_fast += max(0.4, inverse) * (z - row.level_fast)
    row.level_medium += max(0.08, inverse) * (z - row.level_medium)
    row.level_slow += max(0.01, inverse) * (z - row.level_slow)
    row.level_start += max(0.03, inverse) * (z - row.level_start)
    _follow_windows(row, t, np.float32(z))
    if np.float32(z) - median_of_window(row) > _RISE * spread(row):
        row.since_rise = 0
    else:
        row.since_rise += 1


@compiled
def _follow_windows(row: Any, t: int, z: Any) -> None:
    place = t % WINDOW
    leaves_short = row.window[(t + WINDOW - SHORT_WINDOW) % WINDOW]
    row.in_short = slide(row.sorted_short, row.in_short, SHORT_WINDOW, leaves_short, z)
    row.in_window = slide(row.sorted_window, row.in_window, WINDOW, row.window[place], z)
    row.window[place] = z
    if t % LONG_EVERY == 0:
        place = (t // LONG_EVERY) % LONG_WINDOW
        row.in_long = slide(row.sorted_long, row.in_long, LONG_WINDOW, row.long[place], z)
        row.long[place] = z


@compiled
def follow_swing(row: Any, t: int, z: float) -> None:
    """Take a value into the swing around the medium level, and into the long-run deviation."""
    inverse = 1.0 / (t + 1)
    distance = abs(z - row.level_medium)
    row.swing += max(0.05, inverse) * (distance - row.swing)
    row.long_swing += max(0.003, inverse) * (distance - row.long_swing)
    ratio = (row.swing + 1e-30) / (row.long_swing + 1e-30)
    row.volatility = math.sqrt(ratio + _SWING_SHARE)
    rate = max(0.004, inverse)
    row.long_mean += rate * (z - row.long_mean)
    row.long_deviation += rate * (abs(z - row.long_mean) - row.long_deviation)


@compiled
def median_of_window(row: Any) -> Any:
    return row.sorted_window[row.in_window // 2]


@compiled
def spread(row: Any) -> Any:
    """Distance of the 1/6 and 5/6 points of the last 72 values, at least the mean step."""
    size = row.in_window
    width = row.sorted_window[(5 * size) // 6] - row.sorted_window[size // 6]
    return max(width, np.float32(row.mean_step + 1e-30))


@compiled
def classify(distance: Any, width: Any) -> int:
    """0..4: far below, below, near, above, far above the median."""
    if distance > _FAR * width:
        return 4
    if distance > _NEAR * width:
        return 3
    if distance < -_FAR * width:
        return 0
    if distance < -_NEAR * width:
        return 1
    return 2


@compiled
def common_experts(row: Any, x: Any) -> None:
    """Write into ``x`` what is the same for all horizons, as of the newest value."""
    x[LAST] = row.last
    x[LEVEL_FAST] = row.level_fast
    x[LEVEL_MEDIUM] = row.level_medium
    x[LEVEL_SLOW] = row.level_slow
    x[MEDIAN_24] = row.sorted_short[row.in_short // 2]
    x[MEDIAN_400] = row.sorted_long[row.in_long // 2]
    x[LEVEL_FASTEST] = row.level_fastest
    x[LAG_1] = row.lag_1
    x[LAG_2] = row.lag_2
    median, width = median_of_window(row), spread(row)
    x[MEDIAN_72] = median
    x[STATE_VALUES] = median
    x[STATE_RISE] = median
    now = classify(x[LAST] - median, width)
    before = classify(x[LAG_1] - median, width)
    earlier = classify(x[LAG_2] - median, width)
    x[CLASS_VALUES] = np.float32((now * CLASSES + before) * CLASSES + earlier)
    x[CLASS_RISE] = np.float32(min(row.since_rise, RISE_STEPS - 1) * CLASSES + now)
    x[SPREAD] = width
    if row.season == 0:
        for k in range(PROFILE_A, WEEK + 1):
            x[k] = x[LAST]


@compiled
def median_of_five(row: Any, t: int, x: Any) -> Any:
    """Median of the last five values; ``t`` is the number of the newest. Sorts behind the slot."""
    size = min(5, t + 1)
    for i in range(size):
        value = row.window[(t - i) % WINDOW]
        q = i
        while q > 0 and x[WIDTH + q - 1] > value:
            x[WIDTH + q] = x[WIDTH + q - 1]
            q -= 1
        x[WIDTH + q] = value
    return x[WIDTH + size // 2]


@compiled
def path_volatility(row: Any, t: int) -> float:
    """Mean absolute deviation of the last 12 values and half that of the long run."""
    size = min(12, t + 1)
    mean = np.float32(0)
    for i in range(size):
        mean += row.window[(t - i) % WINDOW]
    mean /= np.float32(size)
    deviation = np.float32(0)
    for i in range(size):
        deviation += abs(row.window[(t - i) % WINDOW] - mean)
    return deviation / size + 0.5 * row.long_deviation + 1e-9 * row.mean_step + 1e-30
