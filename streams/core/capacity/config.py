"""From which use of a resource on it counts as busy, critical or overloaded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from streams.core.kernel.checks import AboveZero, Bounds, check, require
from streams.records import SystemState


@dataclass(frozen=True, slots=True)
class StateConfig:
    """Where each state begins, as a share of the capacity. Below ``healthy`` use is optimal."""

    healthy: AboveZero = 0.60
    degraded: AboveZero = 0.75
    critical: AboveZero = 0.85
    """Also the average use that is a bottleneck though nothing is passed."""
    overloaded: AboveZero = 0.95
    """Also the average use from which a crossing is critical."""
    risk: AboveZero = 0.80
    """Peak use above which a resource is named as a risk."""
    quantile: Annotated[float, Bounds(above=0.5, below=1)] = 0.90
    """Quantile of a single step that is planned for, 0.5..1 exclusive.

    On the open series of the Numenta benchmark the largest 0.9 quantile of 24 steps is the median
    of the largest value that comes; the largest mean is passed five times in six.
    """

    def __post_init__(self) -> None:
        check(self, "states")
        starts = ("healthy", "degraded", "critical", "overloaded")
        for lower, upper in pairwise(starts):
            ascending = getattr(self, lower) < getattr(self, upper)
            remedy = f"use more than states.{lower}"
            require(ascending, f"states.{upper}", getattr(self, upper), remedy)

    @property
    def level(self) -> float:
        """Level of the interval whose upper end is ``quantile``: what to ask forecasts for."""
        return 2 * self.quantile - 1


def begins_at(config: StateConfig) -> dict[SystemState, float]:
    """Share of the capacity at which each state begins, ascending; none for optimal."""
    return {
        SystemState.HEALTHY: config.healthy,
        SystemState.DEGRADED: config.degraded,
        SystemState.CRITICAL: config.critical,
        SystemState.OVERLOADED: config.overloaded,
    }


def band(state: SystemState, config: StateConfig) -> tuple[float | None, float | None]:
    """Shares at which a known state begins and the next one does; None where there is none."""
    starts = begins_at(config)
    start = starts.get(state)
    later = (share for share in starts.values() if start is None or share > start)
    return start, min(later, default=None)


def state_of(ratio: float, config: StateConfig) -> SystemState:
    """State at a share of the capacity. A state begins exactly at its threshold."""
    if math.isnan(ratio):
        return SystemState.UNKNOWN
    state = SystemState.OPTIMAL
    for next_state, start in begins_at(config).items():
        if ratio >= start:
            state = next_state
    return state


def worst_state(ratios: Iterable[float], config: StateConfig) -> SystemState:
    """State at the largest share; unknown without one."""
    return state_of(max(ratios, default=math.nan), config)
