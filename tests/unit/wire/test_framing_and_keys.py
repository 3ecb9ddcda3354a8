from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import DeadLetter, LoopEvent, Metric
from streams.wire.framing import header, schema_id_of
from streams.wire.keys import key_field, key_of
from tests.kits.messages import NOW, metric


@given(st.integers(0, 2**32 - 1), st.binary())
def test_the_schema_id_comes_back(schema_id: int, body: bytes) -> None:
    assert schema_id_of(header(schema_id) + body) == schema_id


def test_the_header_is_the_one_of_the_confluent_clients() -> None:
    assert header(258) == b"\x00\x00\x00\x01\x02"


@pytest.mark.parametrize("value", [None, b"", b"\x00\x00\x00\x01", b"\x01\x00\x00\x00\x01\x02"])
def test_anything_else_is_not_framed(value: bytes | None) -> None:
    assert schema_id_of(value) is None


def test_records_travel_under_their_owner() -> None:
    loop = LoopEvent(
        entity_id="svc", timestamp=NOW, loop_id="loop-é", loop_name="n", kind="woke", event_seq=1
    )
    letter = DeadLetter(
        entity_id="unknown", timestamp=NOW, dead_letter_id="d", reason="empty", detail="",
        topic="t", partition=0, offset=1, key=b"\xff",
    )  # fmt: skip
    assert key_of(metric()) == b"svc-0"
    assert key_of(loop) == "loop-é".encode()
    assert key_of(letter) == b"\xff"
    assert [key_field(cls) for cls in (Metric, LoopEvent, DeadLetter)] == [
        "entity_id", "loop_id", None,
    ]  # fmt: skip
