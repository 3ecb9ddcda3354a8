"""Entities that are due although they send nothing, and the command that tells them the time."""

from __future__ import annotations

from typing import NamedTuple

from streams.core.kernel.entity import Entity, StoredTimers

TICK = "entity.tick"
EVERYBODY = "*"
"""Entity of commands for all entities; such a command is written to every partition."""


class Due(NamedTuple):
    """When an entity is due without a record."""

    at: int
    """Event time, ms."""
    clock: int
    """Event time of its newest record, ms."""
    entity_type: str


class Timers(dict[str, Due]):
    """By entity, for those of a partition that have something due."""

    def hurry(self) -> None:
        """Something was said to everybody: whoever has something going on is to hear it now."""
        for name, due in self.items():
            self[name] = due._replace(at=min(due.at, due.clock))

    def note(self, entity: Entity) -> None:
        """Take over when the entity is due, if at all."""
        self._note(entity.entity_id, entity.wake_at, entity.clock, entity.entity_type)

    def restore(self, stored: StoredTimers) -> None:
        """The same for a stored entity."""
        self._note(stored.entity_id, stored.due, stored.clock, stored.entity_type)

    def _note(self, entity_id: str, at: int | None, clock: int, entity_type: str) -> None:
        if at is None:
            self.pop(entity_id, None)
        else:
            self[entity_id] = Due(at, clock, entity_type)
