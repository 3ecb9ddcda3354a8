"""Which capacities and thresholds hold: the answer to a reader, as plain fields."""

from __future__ import annotations

import msgspec

from streams.core.capacity.config import StateConfig, begins_at
from streams.core.capacity.resource import is_resource
from streams.core.metric.limits import KnownMetrics


class CapacityReport(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration by which resources are judged."""

    capacities: dict[str, float]
    """By resource, in its unit."""
    units: dict[str, str]
    """By resource; empty text where none is configured."""
    aliases: dict[str, str]
    """Other names of resources -> resource."""
    thresholds: dict[str, float]
    """State -> share of the capacity at which it begins; ``optimal`` begins at 0."""
    timestamp: int
    """When the report was made, ms."""


def capacity_report(known: KnownMetrics, states: StateConfig, now: int) -> CapacityReport:
    """Capacities and thresholds as configured; ``now`` in ms."""
    resources = {name: each for name, each in known.metrics.items() if is_resource(each)}
    thresholds = {"optimal": 0.0}
    thresholds |= {state.value: share for state, share in begins_at(states).items()}
    return CapacityReport(
        capacities={
            name: each.capacity for name, each in resources.items() if each.capacity is not None
        },
        units={name: each.unit for name, each in resources.items()},
        aliases={alias: name for alias, name in known.aliases.items() if name in resources},
        thresholds=thresholds,
        timestamp=now,
    )
