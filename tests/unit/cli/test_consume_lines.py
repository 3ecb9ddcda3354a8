"""What is printed of a message, decodable or not."""

from __future__ import annotations

import base64
import json

import pytest

from streams.cli.consume import Lines
from streams.errors import Unavailable
from streams.records import Event, Metric
from streams.runtime.kafka import Received
from streams.wire.encode import Encoder
from streams.wire.registry import EmbeddedRegistry

METRIC = Metric(entity_id="web-1", name="cpu", value=1.5, timestamp=5)


def message(value: bytes | None, key: bytes | None = b"web-1", offset: int = 7) -> Received:
    return Received("agent-metrics", 2, offset, 9, key, value)


def encoded() -> bytes:
    encoder = Encoder(EmbeddedRegistry(), {"agent-metrics": Metric})
    encoder.prepare()
    return encoder.encode(METRIC, "agent-metrics")


def printed(*messages: Received, record_type: type = Metric) -> list[dict]:
    return [json.loads(line) for line in Lines(EmbeddedRegistry(), record_type).of(messages)]


def test_a_record_is_printed_with_where_it_was() -> None:
    (line,) = printed(message(encoded()))
    assert {k: line[k] for k in ("topic", "partition", "offset", "key")} == {
        "topic": "agent-metrics",
        "partition": 2,
        "offset": 7,
        "key": "web-1",
    }
    assert line["record"]["value"] == 1.5
    assert line["record"]["timestamp"] == 5


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\x00\x01", "not_framed"),
        (b'{"a": 1}', "not_framed"),
        (b"\x00\x00\x00\x00\x05body", "unknown_schema"),
        (encoded()[:-3], "undecodable"),
        (encoded() + b"x", "trailing_bytes"),
    ],
)
def test_bytes_that_are_no_record_are_printed_with_the_reason(
    value: bytes | None, reason: str
) -> None:
    bad, good = printed(message(value), message(encoded(), offset=8))
    assert bad["reason"] == reason
    shown = bad["value_base64"]
    assert (None if shown is None else base64.b64decode(shown)) == value
    assert good["record"]["name"] == "cpu"


def test_a_record_of_another_type_is_no_crash() -> None:
    (line,) = printed(message(encoded()), record_type=Event)
    assert line["reason"] == "undecodable"


def test_a_topic_without_declared_records_is_printed_as_bytes() -> None:
    (line,) = Lines(EmbeddedRegistry(), None).of([message(b"\xff\xfe", key=b"\xff")])
    assert json.loads(line)["reason"] == "no_schema"
    assert json.loads(line)["key"] == "\\xff"


def test_a_registry_that_is_away_is_an_error_not_a_bad_record() -> None:
    class Away(EmbeddedRegistry):
        def pending(self, _schema_ids, /) -> set[int]:
            return {1}

        def fetch(self, _schema_ids, /) -> None:
            raise Unavailable("registry does not answer")

    with pytest.raises(Unavailable):
        list(Lines(Away(), Metric).of([message(encoded())]))
