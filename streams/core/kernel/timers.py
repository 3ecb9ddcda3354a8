"""Entities that are due although they send nothing, and the command that tells them the time."""

from __future__ import annotations

from typing import NamedTuple

from streams.core.kernel.entity import Entity, StoredTimers

TICK = "entity.tick"


class Due(NamedTuple):
    """When an entity is due without a record."""

    at: int
    """Event time, ms."""
    clock: int
    """Event time of its newest record, ms."""
    entity_type: str


class Timers(dict[str, Due]):
    """By entity, for those of a partition that have something due."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: set[str] = set()

    def take_changes(self) -> dict[str, Due | None]:
        """What has changed since the last call; None for entities that nothing is due for."""
        changed = {name: self.get(name) for name in self._changed}
        self._changed.clear()
        return changed

    def hurry(self) -> None:
        """Something was said to everybody: whoever has something going on is to hear it now."""
        for name, due in self.items():
            self[name] = due._replace(at=min(due.at, due.clock))
        self._changed.update(self)

    def note(self, entity: Entity) -> None:
        """Take over when the entity is due, if at all."""
        self._note(entity.entity_id, entity.wake_at, entity.clock, entity.entity_type)

    def restore(self, stored: StoredTimers) -> None:
        """The same for a stored entity."""
        self._note(stored.entity_id, stored.due, stored.clock, stored.entity_type)

    def _note(self, entity_id: str, at: int | None, clock: int, entity_type: str) -> None:
        if at is not None:
            self[entity_id] = Due(at, clock, entity_type)
        elif self.pop(entity_id, None) is None:
            return
        self._changed.add(entity_id)
