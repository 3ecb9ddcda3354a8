from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.entities import EntityStore
from streams.core.kernel.entity import Entity, decode_entity, decode_timers
from streams.core.kernel.slices import Slice
from streams.core.kernel.store import ENTITIES
from streams.errors import StateError
from streams.testing.feature_contract import MemoryStore


class Counted(Slice):
    """What some feature knows."""

    slice_name = "counted"

    seen: int = 0


class Renamed(Slice):
    """The same feature in a later release: it counts in another field."""

    slice_name = "counted"
    slice_version = 2

    total: int = 0

    @classmethod
    def migrate(cls, version: int, data: bytes) -> Renamed:
        if version != 1:
            return super().migrate(version, data)
        return cls(total=msgspec.msgpack.decode(data, type=Counted).seen)


class Newer(Slice):
    """A later release that has no way from before."""

    slice_name = "counted"
    slice_version = 7


def counted(number: int = 3) -> Entity:
    entity = Entity("svc")
    entity.edit(Counted).seen = number
    return entity


def test_state_is_stored_once_it_was_touched() -> None:
    memory = MemoryStore()
    store = EntityStore(memory)
    assert store.find("svc") is None
    entity = store.get("svc", "service")
    assert store.take() == []
    entity.edit(Counted).seen = 5
    store.touch(entity, "goals", 4)
    memory.write(ENTITIES, store.take())
    assert store.take() == []
    found = EntityStore(memory).find("svc")
    assert found is not None
    assert (found.offsets, found.read(Counted).seen) == ({"goals": 4}, 5)
    assert found.encode() == entity.encode()


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
        entity = store.get("svc", "service")
        for source in order:
            store.touch(entity, source, 1)
        encoded.add(entity.encode())
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
    fresh, known = EntityStore(memory), store.find("svc")
    peeked = fresh.peek("svc")
    assert peeked is not None
    assert known is not None
    assert peeked.encode() == known.encode()
    assert fresh.peek("other") is None
    assert len(fresh) == 0
    assert store.peek("svc") is known


def test_newest_ids_are_remembered() -> None:
    entity = Entity("svc")
    assert [entity.remember(id_, 2) for id_ in ("a", "b", "a", "c", "a")] == [
        True, True, False, True, True,
    ]  # fmt: skip
    again = decode_entity(entity.encode())
    assert again.seen() == entity.seen()
    assert [again.remember(id_, 2) for id_ in ("c", "a", "b")] == [False, False, True]


@given(ids=st.lists(st.text(), max_size=8), limit=st.integers(1, 4))
def test_an_id_takes_16_bytes_however_long_it_is(ids: list[str], limit: int) -> None:
    entity = Entity("svc")
    for id_ in ids:
        entity.remember(id_ * 1000, limit)
    assert len(entity.seen()) <= limit
    assert all(len(bytes.fromhex(digest)) == 16 for digest in entity.seen())


def test_state_of_another_version_or_damaged() -> None:
    other = msgspec.msgpack.encode({"version": 9, "entity_id": "svc"})
    with pytest.raises(StateError, match="'version', value 9"):
        decode_entity(other)
    with pytest.raises(StateError, match="cannot be read"):
        decode_entity(b"\xc1")


# -- slices ---------------------------------------------------------------------------------------


def test_a_slice_is_encoded_again_only_when_it_was_edited() -> None:
    entity = decode_entity(counted().encode())
    before = entity.encode()
    entity.read(Counted).seen = 99  # a defect of a feature
    assert entity.encode() == before
    assert entity.strays() == ["counted"]
    entity.edit(Counted)
    assert entity.strays() == []
    assert decode_entity(entity.encode()).read(Counted).seen == 99


def test_a_slice_that_is_only_read_is_not_stored() -> None:
    entity = Entity("svc")
    empty = entity.encode()
    assert entity.read(Counted).seen == 0
    assert entity.encode() == empty
    assert not entity.has(Counted)


def test_a_slice_of_an_unknown_feature_is_kept_as_it_is() -> None:
    stored = counted().encode()
    stranger = decode_entity(stored)
    stranger.offsets["goals"] = 1
    assert decode_entity(stranger.encode()).read(Counted).seen == 3


def test_an_older_slice_is_migrated_by_its_feature() -> None:
    entity = decode_entity(counted(8).encode())
    assert entity.edit(Renamed).total == 8
    assert decode_entity(entity.encode()).read(Renamed).total == 8
    assert not entity.dropped


def test_a_slice_that_cannot_be_read_is_dropped_and_the_rest_lives() -> None:
    entity = counted()
    entity.remember("event:1", 10)
    entity.set_timer("other", 5)
    again = decode_entity(entity.encode())
    assert again.read(Newer) == Newer()
    assert [each.feature for each in again.dropped] == ["counted"]
    assert "version" in again.dropped[0].reason
    assert not again.remember("event:1", 10)
    assert decode_timers(again.encode()).due == 5


def test_the_earliest_timer_counts() -> None:
    entity = Entity("svc")
    assert entity.wake_at is None
    assert entity.set_timer("late", 9)
    assert entity.set_timer("soon", 4)
    assert not entity.set_timer("soon", 4)
    assert (entity.wake_at, decode_timers(entity.encode()).due) == (4, 4)
    assert entity.set_timer("soon", None)
    assert entity.wake_at == 9
