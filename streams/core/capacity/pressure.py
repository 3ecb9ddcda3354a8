"""The fullest resource of an entity: it decides the predicted state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.core.capacity.bands import band, state_of
from streams.core.capacity.config import StateConfig
from streams.core.capacity.path import Path
from streams.records.forecast import ResourceDemand


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
