"""Prediction intervals from the running one-step deviation."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from streams.core.kernel.batch import FloatArray

NORMAL_MAE = math.sqrt(math.pi / 2)
"""Standard deviation over mean absolute deviation of a normal variable."""


@lru_cache(maxsize=64)
def half_width(level: float) -> float:
    """Standard deviations on each side of the mean that hold ``level`` of a normal variable."""
    return NormalDist().inv_cdf((1 + level) / 2)


@lru_cache(maxsize=64)
def growth(horizon: int) -> FloatArray:
    """Deviation at steps 1..horizon relative to one step: the square root of the step.

    That of a sum of independent one-step errors, as for a random walk.
    """
    steps = np.sqrt(np.arange(1, horizon + 1, dtype=np.float64))
    steps.flags.writeable = False
    return steps


def margins(deviation: float, level: float, horizon: int) -> FloatArray:
    """Half the interval's width at steps 1..horizon, from the deviation of one step."""
    return half_width(level) * deviation * growth(horizon)
