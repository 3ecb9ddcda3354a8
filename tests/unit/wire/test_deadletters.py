from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import DeadLetter, Header
from streams.wire.deadletters import MAX_DETAIL, MAX_RAW_BYTES, dead_letter
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry
from streams.wire.rejected import Reason, Rejected
from tests.kits.messages import NOW, Message, encode, message

BAD = Message(b"\x01\x02\xff", b"svc-1", 42, "agent-metrics", 3, NOW, (("trace", b"\x00\xff"),))


def letter_of(raw: Message, detail: str = "what is wrong") -> DeadLetter:
    return dead_letter(Rejected(raw, Reason.NOT_FRAMED, detail))


@pytest.mark.spec("S0-009")
def test_a_dead_letter_has_all_that_is_needed_to_find_and_replay_the_message() -> None:
    letter = letter_of(BAD)
    assert (letter.topic, letter.partition, letter.offset) == ("agent-metrics", 3, 42)
    assert (letter.key, letter.value, letter.timestamp) == (b"svc-1", b"\x01\x02\xff", NOW)
    assert letter.headers == (Header("trace", b"\x00\xff"),)
    assert (letter.reason, letter.detail) == ("not_framed", "what is wrong")
    assert letter.entity_id == "svc-1"


def test_the_same_message_has_the_same_id_and_others_do_not() -> None:
    assert letter_of(BAD).dead_letter_id == letter_of(BAD, "again").dead_letter_id
    others = [replace(BAD, offset=43), replace(BAD, partition=4), replace(BAD, topic="t")]
    assert len({letter_of(one).dead_letter_id for one in [BAD, *others]}) == 4


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"k" * 1001])
def test_without_a_readable_key_the_entity_is_unknown(key: bytes | None) -> None:
    letter = letter_of(replace(BAD, key=key))
    assert (letter.entity_id, letter.key) == ("unknown", key)


@given(
    st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=20),
    st.lists(st.tuples(st.text("xé", max_size=3), st.none() | st.binary(max_size=3)), max_size=3),
    st.integers(-1, 2**40), st.text(max_size=20).filter(lambda text: text.isprintable()),
)  # fmt: skip
def test_a_dead_letter_travels_whatever_was_in_the_message(
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
    timestamp: int,
    detail: str,
) -> None:
    raw = replace(BAD, key=key, value=value, headers=headers, timestamp=timestamp)
    letter = letter_of(raw, detail)
    decoded = RecordDecoder(EmbeddedRegistry(), DeadLetter).decode([message(letter)])
    assert [one.record for one in decoded.records] == [letter]
    assert (letter.key, letter.value) == (key, value)
    assert [(h.key, h.value) for h in letter.headers] == headers


def test_a_long_detail_is_cut_and_says_so() -> None:
    detail = letter_of(BAD, "x" * 5000).detail
    assert detail.startswith("x" * MAX_DETAIL)
    assert detail.endswith("(detail cut from 5000 characters)")
    assert len(detail) < MAX_DETAIL + 100
    assert letter_of(BAD, "x" * MAX_DETAIL).detail == "x" * MAX_DETAIL


def test_a_value_that_does_not_fit_is_cut_and_its_size_noted() -> None:
    letter = letter_of(replace(BAD, value=b"v" * 2_000_000))
    room = MAX_RAW_BYTES - len(b"svc-1") - len("trace") - 2
    assert letter.value == b"v" * room
    assert f"value cut to {room} of 2000000 bytes" in letter.detail
    assert len(letter.key or b"") + len(encode(letter)) < 900_000


def test_headers_and_a_key_that_do_not_fit_are_cut_and_noted() -> None:
    headers = [("a", b"1" * 300_000), ("b", b"2" * 300_000), ("c", b"3")]
    letter = letter_of(replace(BAD, headers=headers))
    assert [h.key for h in letter.headers] == ["a"]
    assert "headers cut to 1 of 3" in letter.detail
    assert letter.value == BAD.value
    letter = letter_of(replace(BAD, key=b"k" * 1_000_000))
    assert len(letter.key or b"") == MAX_RAW_BYTES
    assert letter.headers == ()
    assert letter.value == b""
    assert f"key cut to {MAX_RAW_BYTES} of 1000000 bytes" in letter.detail
    assert len(letter.key or b"") + len(encode(letter)) < 900_000
