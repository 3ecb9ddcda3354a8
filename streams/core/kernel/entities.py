"""Entity states of one partition: a bounded cache over the stored ones."""

from __future__ import annotations

from collections.abc import Iterable

from streams.core.kernel.entity import Entity, Migration, decode_entity, unknown_version
from streams.core.kernel.store import ENTITIES, StateReader, Write


class EntityStore:
    """Least recently used entities leave memory once they are stored."""

    def __init__(self, reader: StateReader, migrate: Migration = unknown_version) -> None:
        """``migrate`` reads what an older release stored."""
        self._reader = reader
        self._migrate = migrate
        self._states: dict[str, Entity | None] = {}
        self._dirty: dict[str, Entity] = {}

    def __len__(self) -> int:
        return len(self._states)

    def find(self, entity_id: str) -> Entity | None:
        """State of an entity that rules have touched before; None otherwise."""
        if entity_id in self._states:
            state = self._states.pop(entity_id)
        else:
            state = self._stored([entity_id])[0]
        self._states[entity_id] = state
        return state

    def prefetch(self, entity_ids: Iterable[str]) -> None:
        """Load the states of many entities at once."""
        missing = [id_ for id_ in entity_ids if id_ not in self._states]
        self._states.update(zip(missing, self._stored(missing), strict=True))

    def peek(self, entity_id: str) -> Entity | None:
        """Like ``find``, but leaves the cache as it is: for reads that walk over many."""
        if entity_id in self._states:
            return self._states[entity_id]
        return self._stored([entity_id])[0]

    def _stored(self, entity_ids: list[str]) -> list[Entity | None]:
        found = self._reader.get_many(ENTITIES, [id_.encode() for id_ in entity_ids])
        return [None if each is None else decode_entity(each, self._migrate) for each in found]

    def holds(self, entity_id: str) -> bool:
        """Whether the state, or that there is none, is in memory."""
        return entity_id in self._states

    def resident(self) -> list[str]:
        """Entities in memory that have a state."""
        return [entity_id for entity_id, state in self._states.items() if state is not None]

    def get(self, entity_id: str, entity_type: str) -> Entity:
        """State of an entity, begun when there is none.

        A state that no record has changed is not stored, so it is begun anew for each record:
        whether it was dropped from memory in between must make no difference.
        """
        state = self.find(entity_id)
        if state is None or not state.offsets:
            state = Entity(entity_id, entity_type)
            self._states[entity_id] = state
        return state

    def touch(self, state: Entity, source: str, offset: int) -> None:
        """``state`` now includes the record of ``source`` at ``offset``."""
        state.offsets[source] = offset
        self._dirty[state.entity_id] = state

    def mark(self, state: Entity) -> None:
        """``state`` changed by something other than an input record."""
        self._dirty[state.entity_id] = state

    def take(self) -> list[Write]:
        """States changed since the last call, in their stored form."""
        writes = [
            Write(entity_id.encode(), state.encode()) for entity_id, state in self._dirty.items()
        ]
        self._dirty.clear()
        return writes

    def evict(self, keep: int) -> int:
        """Drop the least recently used clean states; returns how many."""
        excess = len(self._states) - keep
        if excess <= 0:
            return 0
        victims = [id_ for id_ in self._states if id_ not in self._dirty][:excess]
        for entity_id in victims:
            del self._states[entity_id]
        return len(victims)
