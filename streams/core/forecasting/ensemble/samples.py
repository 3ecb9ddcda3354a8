"""Intervals: a sorted sample of past errors at each anchor, relative to the volatility then.

Once the sample is full a new error takes the place of one chosen by a hash of the step count:
random enough for a reservoir, the same for the same series.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.core.forecasting.ensemble.layout import (
    ERRORS,
    FINAL,
    LOWER,
    UPPER,
    VOLATILITY,
    A,
    S,
)
from streams.core.forecasting.ensemble.windows import decode, encode, place
from streams.core.forecasting.jit import compiled

_OUTER = 0.1
_FEWEST = 8
"""Errors needed before the sample speaks; until then the interval follows from the mean step."""
_COVERAGE_RATE = 0.01


@compiled
def lottery(t: int) -> int:
    """32 bits that look random, from the number of a value (finaliser of MurmurHash3)."""
    h = (t * 2654435761 + 12345) & 0xFFFFFFFF
    h ^= h >> 15
    h = (h * 2246822519) & 0xFFFFFFFF
    return h ^ (h >> 13)


@compiled
def add_error(row: Any, j: int, slot: Any, z: Any, scores: int, lot: int) -> None:
    """Take the error of the forecast in ``slot`` into sample, quantiles and coverage."""
    inside = 1.0 if slot[LOWER] <= z <= slot[UPPER] else 0.0
    row.covered[j] += np.float32(max(_COVERAGE_RATE, 1.0 / scores) * (inside - row.covered[j]))
    code = encode((z - slot[FINAL]) / slot[VOLATILITY])
    sample = row.sample[j]
    if scores <= ERRORS:
        place(sample, scores, scores - 1, code)
    else:
        place(sample, ERRORS, (lot >> (3 * j)) % ERRORS, code)
    size = min(scores, ERRORS)
    if size >= _FEWEST:
        row.quantiles[j, 0] = quantile(sample, size, _OUTER)
        row.quantiles[j, 1] = quantile(sample, size, 1 - _OUTER)


@compiled
def quantile(sample: Any, size: int, share: float) -> float:
    """Quantile of the sorted codes, linear between the order statistics (Weibull positions)."""
    position = min(max(share * (size + 1) - 1, 0.0), size - 1.0)
    i = min(int(position), size - 2)
    low = float(decode(sample[i]))
    return low + (position - i) * (float(decode(sample[i + 1])) - low)


@compiled
def scored(row: Any, j: int) -> int:
    """Forecasts of anchor ``j`` that have been scored."""
    # they fall due at multiples of the stride, where scoring need not have begun
    first = (row.begun + A[j] + S[j] - 1) // S[j]
    return max(0, (row.count - 1) // S[j] - first + 1)


@compiled
def outer_bounds(row: Any, j: int) -> tuple[float, float]:
    """Distance of the 10 % and the 90 % quantile from the forecast."""
    if scored(row, j) < _FEWEST:
        width = early_width(row, j)
        return -width, width
    return row.quantiles[j, 0] * row.volatility, row.quantiles[j, 1] * row.volatility


@compiled
def bounds(row: Any, j: int, level: float) -> tuple[float, float]:
    """Distance of the interval's ends that hold ``level`` from the forecast."""
    size = min(scored(row, j), ERRORS)
    if size < _FEWEST:
        width = early_width(row, j) * normal_ratio(level)
        return -width, width
    tail = 0.5 * (1 - level)
    low = quantile(row.sample[j], size, tail) * row.volatility
    high = quantile(row.sample[j], size, 1 - tail) * row.volatility
    return low, high


@compiled
def early_width(row: Any, j: int) -> float:
    """Half an 80 % interval before errors are known: it grows somewhat slower than a walk."""
    return 1.3 * row.mean_step * A[j] ** 0.35


@compiled
def normal_ratio(level: float) -> float:
    """Half width of an interval of a normal variable, relative to that of 80 %.

    By the logistic approximation to the normal quantile (error below 2 % for 0.5..0.99).
    """
    p = 0.5 * (1 + level)
    return (p**0.135 - (1 - p) ** 0.135) / (0.9**0.135 - 0.1**0.135)
