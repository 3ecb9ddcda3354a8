"""Limits that keep every forecast finite, whatever the values."""

from __future__ import annotations

import math

import numpy as np

from streams.core.kernel.batch import FloatArray

MAGNITUDE = 1e100
"""Values beyond are learned as this value, so that squares and sums of them stay finite."""


def within_magnitude(values: FloatArray) -> FloatArray:
    """Values cut to -MAGNITUDE..MAGNITUDE."""
    return np.clip(values, -MAGNITUDE, MAGNITUDE)


def clip_limits(lowest: float, highest: float) -> tuple[float, float]:
    """Smallest and largest forecast to give after values between ``lowest`` and ``highest``.

    The range of the values, widened on both sides by its own width: a linear trend may double
    the range, but is not believed beyond that. After constant values nothing but the constant
    remains.
    """
    spread = highest - lowest
    return lowest - spread, highest + spread


def clipped(forecast: FloatArray, floor: float, ceiling: float) -> FloatArray:
    """Forecast within its limits."""
    return np.clip(forecast, floor, ceiling)


def held(means: FloatArray) -> FloatArray:
    """Means with the last finite one repeated from where they overflow. Changes its argument."""
    overflown = np.flatnonzero(~np.isfinite(means))
    if overflown.size:
        means[overflown[0] :] = means[max(overflown[0] - 1, 0)]
    return means


def not_ready(horizon: int) -> FloatArray:
    """The forecast of a model that has none yet."""
    return np.full(horizon, math.nan)
