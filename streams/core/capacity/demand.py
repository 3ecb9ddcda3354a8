"""What a resource will be asked for: use to plan for, when its capacity is passed, how likely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from streams.core.capacity.config import StateConfig, band, state_of
from streams.core.capacity.resource import Resource
from streams.core.forecasting.interval import half_width
from streams.core.kernel.batch import FloatArray
from streams.core.kernel.model_results import SeriesForecast
from streams.records.forecast import ResourceDemand


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A resource with a forecast that can be used; made by ``path_of``."""

    resource: Resource
    forecast: SeriesForecast
    planned: FloatArray
    """Use to plan for at each step: the configured upper quantile."""
    peak: float
    """The largest of them."""

    @property
    def horizon_ms(self) -> int:
        """Up to the last step."""
        return self.planned.size * self.forecast.step_ms

    @property
    def peak_share(self) -> float:
        """``peak`` as a share of the capacity."""
        return self.peak / self.resource.capacity

    def time_above(self, limit: float) -> int | None:
        """Time (ms) until use is above the limit: 0 when it is now, else that of the first step
        to plan for that is; None when none is."""
        usage = self.resource.usage
        if usage is not None and usage > limit:
            return 0
        if self.peak <= limit:
            return None
        return (int(np.argmax(self.planned > limit)) + 1) * self.forecast.step_ms

    def chance_above(self, limit: float) -> float:
        """0..1 that some value within the horizon is above the limit.

        The forecaster's own answer; without one the largest chance of any single step, which is a
        lower bound.
        """
        known = None if self.resource.passing is None else self.resource.passing(limit)
        return self._likeliest_step(limit) if known is None else known

    def _likeliest_step(self, limit: float) -> float:
        margin = limit - self.forecast.mean
        deviation = (self.forecast.upper - self.forecast.mean) / half_width(self.forecast.level)
        certain = np.where(margin < 0, -math.inf, math.inf)
        with np.errstate(over="ignore"):  # hardly any deviation at all: certain, as with none
            scores = np.divide(margin, deviation, out=certain, where=deviation > 0)
        return 0.5 * math.erfc(float(scores.min()) / math.sqrt(2))


def path_of(resource: Resource, config: StateConfig) -> Path | None:
    """None without a forecast that has times and finite numbers."""
    forecast = resource.forecast
    if forecast is None or forecast.step_ms <= 0 or not forecast.mean.size:
        return None
    if not (np.isfinite(forecast.mean).all() and np.isfinite(forecast.upper).all()):
        return None
    use = planned(forecast, config.quantile)
    return Path(resource, forecast, use, float(use.max()))


def planned(forecast: SeriesForecast, quantile: float) -> FloatArray:
    """Value per step that is not passed with probability ``quantile``, 0.5..1 exclusive.

    The upper end of the interval where it is that quantile. Else it is read off a normal
    distribution, which overstates it where large errors are more frequent than that. No less
    than the mean, which lies above the quantile of very lopsided errors.
    """
    scale = _upper_share(quantile, forecast.level)
    margin = np.maximum(forecast.upper - forecast.mean, 0.0)
    return forecast.mean + margin * scale


@lru_cache(maxsize=16)
def _upper_share(quantile: float, level: float) -> float:
    """How far a quantile is up the upper half of an interval."""
    if math.isclose(2 * quantile - 1, level):
        return 1.0
    return NormalDist().inv_cdf(quantile) / half_width(level)


def resource_demand(path: Path, now: int, config: StateConfig) -> ResourceDemand:
    """Demand from ``now`` (ms) to the end of the forecast."""
    resource, forecast = path.resource, path.forecast
    capacity, mean = resource.capacity, float(forecast.mean.mean())
    time_to_capacity = path.time_above(capacity)
    return ResourceDemand(
        resource_type=resource.name,
        method=forecast.method,
        prediction_time=now + path.horizon_ms,
        current_usage=resource.usage,
        predicted_usage=mean,
        predicted_peak=float(forecast.mean.max()),
        upper_peak=path.peak,
        capacity=capacity,
        utilization_percent=100 * mean / capacity,
        peak_utilization_percent=100 * path.peak_share,
        predicted_state=state_of(path.peak_share, config).value,
        will_exceed_capacity=time_to_capacity is not None,
        time_to_capacity_ms=time_to_capacity,
        probability=1.0 if time_to_capacity == 0 else path.chance_above(capacity),
        confidence=demand_confidence(forecast, capacity),
    )


def demand_confidence(forecast: SeriesForecast, capacity: float) -> float:
    """How far a forecast can be relied on for questions of capacity, 0..1.

    That of its intervals (1 when they hold as many values as they promise), times one less its
    running one-step error as a share of the capacity. 0 when either is not known.
    """
    precision = max(0.0, 1 - forecast.error / capacity)
    confidence = forecast.confidence * precision
    return confidence if 0 <= confidence <= 1 else 0.0


@dataclass(frozen=True, slots=True)
class Pressure:
    """The resource with the largest peak, and how it comes to the predicted state."""

    demand: ResourceDemand
    threshold: float | None
    """Value at which the predicted state begins; None for optimal."""
    ahead_ms: int
    """Until the first step in the predicted state."""
    probability: float
    """0..1 that the largest value of the horizon lies within the predicted state."""


def find_pressure(
    pairs: Sequence[tuple[Path, ResourceDemand]], config: StateConfig
) -> Pressure | None:
    """Of resources and their demands, the first of the fullest; None without any."""
    if not pairs:
        return None
    path, demand = max(pairs, key=lambda pair: pair[0].peak_share)
    capacity = path.resource.capacity
    start, end = band(state_of(path.peak_share, config), config)
    at_least = 1.0 if start is None else path.chance_above(start * capacity)
    worse = 0.0 if end is None else path.chance_above(end * capacity)
    first = 0 if start is None else int(np.argmax(path.planned / capacity >= start))
    return Pressure(
        demand=demand,
        threshold=None if start is None else start * capacity,
        ahead_ms=(first + 1) * path.forecast.step_ms,
        probability=max(0.0, at_least - worse),
    )
