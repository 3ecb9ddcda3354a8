"""Entities that are due although they send nothing, and the command that tells them the time."""

from __future__ import annotations

from typing import NamedTuple

from streams.core.kernel.entity import EntityState, StoredWake

TICK = "entity.tick"
EVERYBODY = "*"
"""Entity of commands for all entities; such a command is written to every partition."""


class Wake(NamedTuple):
    """When an entity is due without a record."""

    at: int
    """Event time, ms."""
    clock: int
    """Event time of its newest record, ms."""
    entity_type: str


class Timers(dict[str, Wake]):
    """By entity, for those of a partition that have something due."""

    def hurry(self) -> None:
        """Something was said to everybody: whoever has something going on is to hear it now."""
        for name, wake in self.items():
            self[name] = wake._replace(at=min(wake.at, wake.clock))

    def note(self, state: EntityState | StoredWake) -> None:
        """Take over when the entity is due, if at all."""
        if state.wake_at is None:
            self.pop(state.entity_id, None)
        else:
            self[state.entity_id] = Wake(state.wake_at, state.clock, state.entity_type)
