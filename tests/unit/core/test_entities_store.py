from __future__ import annotations

import msgspec
import pytest

from streams.core.kernel.entities import EntityStore
from streams.core.kernel.entity import EntityState, decode_entity, encode_entity
from streams.core.kernel.store import ENTITIES
from streams.errors import StateError
from tests.unit.core.partition_kit import MemoryStore


def test_state_is_stored_once_it_was_touched() -> None:
    memory = MemoryStore()
    store = EntityStore(memory)
    assert store.find("svc") is None
    state = store.get("svc", "service")
    assert store.take() == []
    store.touch(state, "goals", 4)
    memory.write(ENTITIES, store.take())
    assert store.take() == []
    assert EntityStore(memory).find("svc") == state


def test_state_that_nothing_changed_has_the_type_of_its_next_record() -> None:
    """Regression: the type depended on whether the entity was evicted in between."""
    store = EntityStore(MemoryStore())
    assert store.get("svc", "service").entity_type == "service"
    assert store.get("svc", "resource").entity_type == "resource"
    store.touch(store.get("svc", "agent"), "goals", 0)
    assert store.get("svc", "service").entity_type == "agent"


def test_bytes_do_not_depend_on_which_source_came_first() -> None:
    encoded = set()
    for order in (("goals", "actions", "events"), ("events", "goals", "actions")):
        store = EntityStore(MemoryStore())
        state = store.get("svc", "service")
        for source in order:
            store.touch(state, source, 1)
        encoded.add(encode_entity(state))
    assert len(encoded) == 1


def test_least_recently_used_go_first_and_changed_ones_stay() -> None:
    store = EntityStore(MemoryStore())
    for name in "abcd":
        store.touch(store.get(name, "service"), "goals", 0)
    store.take()
    store.find("a")
    store.touch(store.get("b", "service"), "goals", 1)
    assert store.evict(2) == 2
    assert store.resident() == ["a", "b"]
    assert store.evict(0) == 1
    assert store.resident() == ["b"]
    assert store.evict(5) == 0


def test_peeking_loads_nothing() -> None:
    memory = MemoryStore()
    store = EntityStore(memory)
    store.touch(store.get("svc", "service"), "goals", 0)
    memory.write(ENTITIES, store.take())
    fresh = EntityStore(memory)
    assert fresh.peek("svc") == store.find("svc")
    assert fresh.peek("other") is None
    assert len(fresh) == 0
    assert store.peek("svc") is store.find("svc")


def test_newest_ids_are_remembered() -> None:
    state = EntityState(entity_id="svc")
    assert [state.remember(id_, 0, 2) for id_ in ("a", "b", "a", "c", "a")] == [
        True, True, False, True, True,
    ]  # fmt: skip
    assert list(state.seen_ids) == ["c", "a"]


def test_state_of_another_version_or_damaged() -> None:
    other = msgspec.msgpack.encode({"version": 9, "entity_id": "svc"})
    with pytest.raises(StateError, match="'version', value 9"):
        decode_entity(other)
    with pytest.raises(StateError, match="cannot be read"):
        decode_entity(b"\xc1")
