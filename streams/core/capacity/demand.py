"""What a resource will be asked for: mean, peak to plan for, when its capacity is passed."""

from __future__ import annotations

from streams.core.capacity.bands import state_of
from streams.core.capacity.config import StateConfig
from streams.core.capacity.path import Path
from streams.core.kernel.model_results import SeriesForecast
from streams.records.forecast import ResourceDemand


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
