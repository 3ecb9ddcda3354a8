"""Which capacities and thresholds hold: the answer to a reader, as plain fields."""

from __future__ import annotations

import msgspec

from streams.core.capacity.config import StateConfig
from streams.core.capacity.resource import is_resource
from streams.core.capacity.system_state import begins_at
from streams.core.config import CoreConfig


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


def capacity_report(core: CoreConfig, states: StateConfig, now: int) -> CapacityReport:
    """Capacities and thresholds as configured; ``now`` in ms."""
    resources = {name: known for name, known in core.metrics.items() if is_resource(known)}
    thresholds = {"optimal": 0.0}
    thresholds |= {state.value: share for state, share in begins_at(states).items()}
    return CapacityReport(
        capacities={
            name: known.capacity for name, known in resources.items() if known.capacity is not None
        },
        units={name: known.unit for name, known in resources.items()},
        aliases={alias: name for alias, name in core.aliases.items() if name in resources},
        thresholds=thresholds,
        timestamp=now,
    )
