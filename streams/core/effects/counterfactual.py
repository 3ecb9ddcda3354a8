"""What a metric would have done without the action: the forecast made before it, kept for later.

Structural time-series causal inference (Brodersen et al. 2015, CausalImpact) compares what was
measured with the forecast of what would have been; the forecast's own interval says what of the
difference is noise.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import msgspec
import numpy as np

from streams.core.forecasting.interval import half_width
from streams.core.kernel.batch import FloatArray
from streams.core.kernel.model_results import SeriesForecast

LARGEST = sys.float_info.max


class Band(NamedTuple):
    """A value and the interval around it, in the metric's unit."""

    mean: float
    lower: float | None
    """None, as ``upper``, where nothing says how far a value may lie from the mean."""
    upper: float | None
    level: float
    """Probability that the value lies inside; 0 without an interval."""

    @property
    def deviation(self) -> float:
        """Standard deviation that the interval stands for; 0 without one."""
        if self.lower is None or self.upper is None:
            return 0.0
        return max(0.0, finite(self.upper - self.lower)) / (2 * half_width(self.level))


class Counterfactual(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast at the moment of a decision, bounded in size. Without one: the last value."""

    made_at: int
    """ms."""
    value: float
    """Last value before, in the metric's unit."""
    step_ms: int = 0
    """Time between two entries; 0 when it is not known, then only the first is used."""
    mean: list[float] = []
    lower: list[float] = []
    upper: list[float] = []
    level: float = 0.0
    """Probability mass between lower and upper."""

    def at(self, moment: int) -> Band:
        """The forecast for ``moment``, linear between its steps.

        Before the first step it is that of the first, since one step is the least that its errors
        were measured on. Behind the last step the mean stays and the interval widens with the
        square root of the time, as for a random walk.
        """
        if not self.mean:
            return Band(self.value, None, None, 0.0)
        steps = (moment - self.made_at) / self.step_ms if self.step_ms else 1.0
        place = min(max(steps, 1.0), float(len(self.mean))) - 1.0
        mean, lower, upper = (_between(path, place) for path in (self.mean, self.lower, self.upper))
        wider = max(1.0, steps / len(self.mean)) ** 0.5
        return Band(
            mean,
            finite(mean - wider * max(0.0, mean - lower)),
            finite(mean + wider * max(0.0, upper - mean)),
            self.level,
        )


def counterfactual(
    now: int, value: float, forecast: SeriesForecast | None, steps: int
) -> Counterfactual:
    """Keep ``steps`` of ``forecast``. A forecast without finite numbers counts as none."""
    if forecast is None or not _is_usable(forecast):
        return Counterfactual(made_at=now, value=value)
    return Counterfactual(
        made_at=now,
        value=value,
        step_ms=forecast.step_ms,
        mean=forecast.mean[:steps].tolist(),
        lower=forecast.lower[:steps].tolist(),
        upper=forecast.upper[:steps].tolist(),
        level=forecast.level,
    )


def finite(value: float) -> float:
    """``value`` within the range of finite numbers."""
    return max(-LARGEST, min(LARGEST, value))


def _is_usable(forecast: SeriesForecast) -> bool:
    paths: tuple[FloatArray, ...] = (forecast.mean, forecast.lower, forecast.upper)
    return bool(forecast.mean.size) and all(bool(np.isfinite(path).all()) for path in paths)


def _between(path: list[float], place: float) -> float:
    before = int(place)
    share = place - before
    if not share:
        return path[before]
    return path[before] * (1 - share) + path[before + 1] * share
