"""Which state begins at which share of the capacity."""

from __future__ import annotations

import math
from collections.abc import Iterable

from streams.core.capacity.config import StateConfig
from streams.records import SystemState


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
