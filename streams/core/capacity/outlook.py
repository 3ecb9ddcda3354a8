"""The state of an entity now and within the horizon, from all of its resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from streams.core.capacity.advice import recommendations, risk_factors
from streams.core.capacity.bottlenecks import by_urgency, find_bottleneck
from streams.core.capacity.config import StateConfig, worst_state
from streams.core.capacity.demand import Pressure, find_pressure, path_of, resource_demand
from streams.core.capacity.resource import Resource
from streams.records import Bottleneck, Pattern, ResourceDemand, SystemState

UNKNOWN_CONFIDENCE = 0.5
"""Confidence of a prediction without a single demand."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that the forecasts of an entity's resources say about its future."""

    outlook_id: str
    now: int
    """ms."""
    horizon_ms: int
    """Up to the end of the longest forecast; 0 without one."""
    current_state: SystemState
    predicted_state: SystemState
    """At the peak of the fullest resource."""
    pressure: Pressure | None
    """None without a demand."""
    demands: tuple[ResourceDemand, ...]
    """In the order of the resources."""
    missing: tuple[str, ...]
    """Resources that could not be forecast."""
    bottlenecks: tuple[Bottleneck, ...]
    """The most pressing first."""
    risk_factors: tuple[str, ...]
    recommendations: tuple[str, ...]
    confidence: float
    """0..1, mean of the demands; 0.5 without any."""


def look_ahead(
    resources: Sequence[Resource],
    *,
    now: int,
    config: StateConfig,
    outlook_id: str,
    patterns: Sequence[Pattern] = (),
) -> Outlook:
    """Judge the resources of one entity at ``now`` (ms).

    A resource without a usable forecast is left out of the prediction and named; its current
    value still counts. ``outlook_id`` names the prediction and gives its bottlenecks their ids.
    """
    paths = [path_of(each, config) for each in resources]
    pairs = [(path, resource_demand(path, now, config)) for path in paths if path is not None]
    demands = tuple(demand for _, demand in pairs)
    found = (find_bottleneck(path, demand, now, config, outlook_id) for path, demand in pairs)
    bottlenecks = sorted((each for each in found if each is not None), key=by_urgency)
    state = worst_state((path.peak_share for path, _ in pairs), config)
    risks = risk_factors(demands, bottlenecks, patterns, config)
    return Outlook(
        outlook_id=outlook_id,
        now=now,
        horizon_ms=max((demand.prediction_time - now for demand in demands), default=0),
        current_state=current_state(resources, config),
        predicted_state=state,
        pressure=find_pressure(pairs, config),
        demands=demands,
        missing=tuple(
            each.name for each, path in zip(resources, paths, strict=True) if path is None
        ),
        bottlenecks=tuple(bottlenecks),
        risk_factors=risks,
        recommendations=recommendations(state, demands, bottlenecks, patterns, risks, config),
        confidence=fmean(each.confidence for each in demands) if demands else UNKNOWN_CONFIDENCE,
    )


def current_state(resources: Sequence[Resource], config: StateConfig) -> SystemState:
    """State at the largest use of any resource now; unknown when no current value is known."""
    usages = ((each.usage, each.capacity) for each in resources)
    return worst_state((use / capacity for use, capacity in usages if use is not None), config)
