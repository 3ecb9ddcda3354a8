"""Stored values with checksums: any damage is noticed, and what release 0.1.0 wrote is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.store import ENTITIES, MODELS, SERIES, TABLES
from streams.errors import StateError
from streams.runtime.sealed import HEADER_BYTES, seal, unseal
from tests.kits.runtime import release_state

tables, keys, values = st.sampled_from(TABLES), st.binary(max_size=20), st.binary(max_size=200)


@given(tables, keys, values)
def test_what_is_sealed_comes_back(table: str, key: bytes, value: bytes) -> None:
    stored = seal(key, value)
    assert stored is not None
    assert len(stored) == len(value) + HEADER_BYTES
    assert unseal(table, key, stored) == value


@given(tables, keys, values, st.data())
def test_one_flipped_bit_is_noticed(
    table: str, key: bytes, value: bytes, data: st.DataObject
) -> None:
    stored = bytearray(seal(key, value) or b"")
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))
    # Without its mark a value counts as one of release 0.1.0, which a model may be by its length.
    if table == MODELS and 4 <= at < HEADER_BYTES:
        return
    with pytest.raises(StateError, match="damaged"):
        unseal(table, key, bytes(stored))


@given(tables, keys, keys, values)
def test_the_value_of_another_key_is_noticed(
    table: str, key: bytes, other: bytes, value: bytes
) -> None:
    if key != other:
        with pytest.raises(StateError, match="checksum"):
            unseal(table, other, seal(key, value) or b"")


def test_a_tombstone_has_no_seal() -> None:
    assert seal(b"key", None) is None


def test_what_release_0_1_0_wrote_is_known_as_whole() -> None:
    changes = [each for each in release_state.changes() if each.value is not None]
    assert {each.table for each in changes} == set(TABLES)
    for each in changes:
        assert each.value is not None
        assert unseal(each.table, each.key, each.value) == each.value


@pytest.mark.parametrize(
    ("table", "stored"),
    [
        (ENTITIES, b"\xff" * 50),
        (ENTITIES, b""),
        (ENTITIES, b"\x81\xa9entity_id\xa5other"),
        (SERIES, b"\xff" * 50),
        (SERIES, b"\xff" * 64),
        (MODELS, b"\xff" * 7),
    ],
)
def test_garbage_without_a_seal_is_noticed(table: str, stored: bytes) -> None:
    with pytest.raises(StateError) as caught:
        unseal(table, b"web-1", stored)
    assert caught.value.value == "web-1"
    assert "state repair" in caught.value.remedy
