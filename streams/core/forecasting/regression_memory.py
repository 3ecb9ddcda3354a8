"""What a regression keeps of the past: levels of metrics, and forecasts that wait for a value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.bounds import MAGNITUDE
from streams.core.kernel.batch import FloatArray, IntArray

LEVEL_MEMORY = 500
"""Values that level and deviation look back on: plain means first, then exponential."""
MATURE = 250
"""Values after which level and deviation are taken to be right: what is learned in other units
would mislead for long."""
MOST_DEVIATIONS = 8.0
"""Distance from the level at which one is cut before it explains anything."""


class Scales:
    """Slow level and mean absolute deviation of some metrics, so that features are of size 1."""

    def __init__(self, metrics: int) -> None:
        self._counts: IntArray = np.zeros(metrics, np.int64)
        self._levels: FloatArray = np.zeros(metrics)
        self._deviations: FloatArray = np.zeros(metrics)

    @property
    def state(self) -> tuple[NDArray[np.generic], ...]:
        """All that changes; assigning to the arrays' elements restores it."""
        return self._counts, self._levels, self._deviations

    def observe(self, metric: int, value: float) -> None:
        """Learn a finite value, at most MAGNITUDE large."""
        count = int(self._counts[metric])
        rate = max(1 / (count + 1), 1 / LEVEL_MEMORY)
        self._counts[metric] = count + 1
        self._levels[metric] += rate * (value - self._levels[metric])
        distance = abs(value - self._levels[metric])
        self._deviations[metric] += rate * (distance - self._deviations[metric])

    @property
    def mature(self) -> bool:
        """Whether the first metric is known well enough to learn by it."""
        return int(self._counts[0]) >= MATURE

    def standardised(self, metric: int, values: FloatArray) -> FloatArray:
        """Distances from the level in deviations, cut at MOST_DEVIATIONS; 0 for NaN, and as long
        as the metric has not varied."""
        deviation = float(self._deviations[metric])
        if not deviation:
            return np.zeros_like(values)
        most = MOST_DEVIATIONS * deviation
        distances = np.minimum(np.maximum(values - self._levels[metric], -most), most) / deviation
        return np.where(np.isnan(distances), 0.0, distances)


class History:
    """The newest values of some metrics, as many as the largest lag needs."""

    def __init__(self, metrics: int, lags: Sequence[int]) -> None:
        self._lags = np.array(lags, np.int64)
        self._values: FloatArray = np.full((lags[-1] + 1, metrics), math.nan)
        self._taken: IntArray = np.zeros(1, np.int64)

    @property
    def state(self) -> tuple[NDArray[np.generic], ...]:
        """All that changes; assigning to the arrays' elements restores it."""
        return self._values, self._taken

    def take(self, values: FloatArray) -> None:
        """Add one value of each metric, NaN where there is none."""
        self._values[self._taken[0] % len(self._values)] = values
        self._taken[0] += 1

    def lagged(self, metric: int) -> FloatArray:
        """Values at the lags, nearest first; NaN where there is none."""
        places = (self._taken[0] - 1 - self._lags) % len(self._values)
        return self._values[places, metric]


class Waiting:
    """Forecasts for one horizon whose values have not come yet: as many as it has steps."""

    def __init__(self, horizon: int, features: int, terms: int) -> None:
        self.horizon = horizon
        self.targets: IntArray = np.zeros(horizon, np.int64)
        """Times that the forecasts are for, ms."""
        self.forecasts: FloatArray = np.full(horizon, math.nan)
        """NaN where none was made."""
        self.features: FloatArray = np.zeros((horizon, features))
        """Of all terms, side by side."""
        self.predicted: FloatArray = np.zeros((horizon, terms))
        """Error expected by each term."""
        self.applied: FloatArray = np.zeros((horizon, terms))
        """The part of it by which the forecast was corrected."""

    @property
    def state(self) -> tuple[NDArray[np.generic], ...]:
        """All that changes; assigning to the arrays' elements restores it."""
        return self.targets, self.forecasts, self.features, self.predicted, self.applied

    def fits(self, place: int, timestamp: int, step_ms: int) -> bool:
        """Whether the value at ``timestamp`` is what the forecast was for: a gap or a record out
        of order puts off the count of steps, small differences between steps do not matter."""
        if math.isnan(self.forecasts[place]) or step_ms <= 0:
            return False
        off = abs(timestamp - int(self.targets[place]))
        return off <= step_ms * max(1.0, self.horizon / 4)


def bounded(value: float) -> float:
    """Value cut to -MAGNITUDE..MAGNITUDE; NaN for what is not finite."""
    return min(max(value, -MAGNITUDE), MAGNITUDE) if math.isfinite(value) else math.nan
