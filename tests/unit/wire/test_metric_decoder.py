"""Metrics in columns: the same rows and the same rejections as reading one by one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.batch import series_key
from streams.records import Event, Metric, Tag
from streams.wire import container as container_module
from streams.wire.columns import DecodedMetrics, MetricDecoder
from streams.wire.container import container
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry, NotCached
from streams.wire.rejected import Raw, Reason
from streams.wire.schemas import schema_json
from tests.kits.messages import (
    NOW,
    MemoryRegistry,
    Message,
    encode,
    framed,
    message,
    metric,
    metrics,
    renumbered,
)
from tests.kits.records import structs

SCHEMA = schema_json(Metric)


def schema_with(*fields: dict[str, Any], left_out: Sequence[str] = ()) -> Any:
    schema = copy.deepcopy(SCHEMA)
    schema["fields"] = [f for f in schema["fields"] if f["name"] not in left_out] + list(fields)
    return schema


def schema_changed(name: str, type_: Any) -> Any:
    schema = copy.deepcopy(SCHEMA)
    next(f for f in schema["fields"] if f["name"] == name)["type"] = type_
    return schema


MORE_TEXT = schema_with({"name": "region", "type": "string", "default": ""})
MORE_NULLABLE = schema_with({"name": "region", "type": ["null", "string"], "default": None})
OLD = schema_with(left_out=["unit", "source", "schema_version", "tags"])
OLDEST = schema_with(left_out=["unit", "entity_type", "correlation_id"])
JAVA = schema_changed("name", {"type": "string", "avro.java.string": "String"})
WHOLE = schema_changed("value", "long")
MICROS = schema_changed("timestamp", {"type": "long", "logicalType": "timestamp-micros"})
BARE = schema_changed("timestamp", "long")
WRITERS = {
    1: MORE_TEXT, 2: MORE_NULLABLE, 3: OLD, 4: OLDEST, 5: JAVA, 6: WHOLE, 7: MICROS, 8: BARE,
    9: schema_json(Event),
}  # fmt: skip
REGISTRY = MemoryRegistry(WRITERS)


def fields_of(one: Metric, **more: Any) -> dict[str, Any]:
    return msgspec.to_builtins(one) | more


def written_by(schema_id: int, one: Metric) -> Message:
    """A metric as another version of the schema, or another language, writes it."""
    value = fields_of(one, region="eu")
    if schema_id == 6:
        value["value"] = int(min(max(one.value, -1e15), 1e15))
    return Message(framed(schema_id, WRITERS[schema_id], value), one.entity_id.encode())


def rows_of(decoded: DecodedMetrics) -> list[tuple[Any, ...]]:
    batch = decoded.batch
    assert len(batch) == len(batch.offsets) == len(batch.entity_types)
    columns = (batch.offsets, batch.timestamps, batch.values)
    assert [column.dtype for column in columns] == [np.int64, np.int64, np.float64]
    texts = (batch.keys, batch.entity_types, batch.correlation_ids)
    return [
        (*(column[row].item() for column in columns), *(column[row] for column in texts))
        for row in range(len(batch))
    ]


def one_by_one(raws: Sequence[Raw]) -> tuple[list[tuple[Any, ...]], list[tuple[int, Reason, str]]]:
    decoded = RecordDecoder(REGISTRY, Metric).decode(raws)
    rows: list[tuple[Any, ...]] = []
    for one in decoded.records:
        assert isinstance(one.record, Metric)
        r = one.record
        key = series_key(r.entity_id, r.name)
        rows.append((one.offset, r.timestamp, r.value, key, r.entity_type, r.correlation_id))
    return rows, [(bad.raw.offset, bad.reason, bad.detail) for bad in decoded.rejected]


def assert_same(raws: Sequence[Raw]) -> DecodedMetrics:
    decoded = MetricDecoder(REGISTRY).decode(raws)
    rows, rejected = one_by_one(raws)
    assert rows_of(decoded) == rows
    assert [(bad.raw.offset, bad.reason, bad.detail) for bad in decoded.rejected] == rejected
    return decoded


def test_a_good_batch_becomes_columns() -> None:
    sent = metrics(100)
    decoded = assert_same(sent)
    assert decoded.rejected == []
    batch = decoded.batch
    assert batch.offsets.tolist() == list(range(100, 200))
    assert batch.timestamps.tolist() == [NOW + n for n in range(100)]
    assert batch.values.tolist() == [float(n) for n in range(100)]
    assert batch.keys[:2] == ["svc-0\x1fcpu_usage", "svc-1\x1fcpu_usage"]
    assert (batch.entity_types[5], batch.correlation_ids[5]) == ("service", "")


def test_an_empty_batch_is_one_without_rows() -> None:
    assert rows_of(MetricDecoder(REGISTRY).decode([])) == []


def test_a_batch_of_nothing_good_has_no_rows() -> None:
    decoded = assert_same([Message(None), Message(b"x", offset=1)])
    assert [bad.reason for bad in decoded.rejected] == [Reason.EMPTY, Reason.NOT_FRAMED]


class Alone:
    """Counts the rows that a decoder reads one by one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, decoder: MetricDecoder) -> None:
        self.count = 0
        read = decoder._body.read

        def counting(value: bytes | None) -> Any:
            self.count += 1
            return read(value)

        monkeypatch.setattr(decoder._body, "read", counting)


@pytest.mark.parametrize("schema_id", [0, 1, 3, 5, 8])
def test_writers_with_plain_fields_are_read_in_columns(
    schema_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = MetricDecoder(REGISTRY)
    if schema_id == 3:  # lacks only what the core does not need
        assert container(OLD) is not None
    sent = renumbered(
        written_by(schema_id, metric(n, tags=(Tag("k", "v"),) * (n % 3))) if schema_id
        else message(metric(n, tags=(Tag("k", "v"),) * (n % 3)))
        for n in range(20)
    )  # fmt: skip
    alone = Alone(monkeypatch, decoder)
    assert len(decoder.decode(sent).batch) == 20
    assert alone.count == 0
    assert_same(sent)


@pytest.mark.parametrize("schema_id", [2, 4, 6, 7, 9])
def test_other_writers_are_read_one_by_one(schema_id: int) -> None:
    assert container(WRITERS[schema_id]) is None or schema_id == 7
    if schema_id == 9:
        event = Event(entity_id="e", timestamp=NOW, event_id="e", event_type="t")
        sent = [Message(framed(9, WRITERS[9], msgspec.to_builtins(event)), b"e")]
    else:
        sent = renumbered(written_by(schema_id, metric(n)) for n in range(5))
    decoded = assert_same(sent)
    refused = schema_id in (7, 9)
    assert len(decoded.batch) == (0 if refused else 5)
    assert {bad.reason for bad in decoded.rejected} == ({Reason.UNDECODABLE} if refused else set())


def test_a_mixed_batch_keeps_its_order() -> None:
    sent = renumbered(
        message(metric(n)) if n % 4 == 0 else written_by((1, 2, 3)[n % 3], metric(n))
        for n in range(60)
    )
    decoded = assert_same(sent)
    assert decoded.batch.offsets.tolist() == [one.offset for one in sent]


GOOD = message(metric(1))
BODY = GOOD.value or b""


def with_value(**changes: Any) -> Message:
    return message(metric(1, **changes))


POISON = {
    "tombstone": (replace(GOOD, value=None), Reason.EMPTY),
    "empty": (replace(GOOD, value=b""), Reason.EMPTY),
    "too large": (replace(GOOD, value=BODY + bytes(1_000_000)), Reason.TOO_LARGE),
    "wrong magic": (replace(GOOD, value=b"\x01" + BODY[1:]), Reason.NOT_FRAMED),
    "short": (replace(GOOD, value=BODY[:4]), Reason.NOT_FRAMED),
    "unknown id": (replace(GOOD, value=b"\0\xff\0\0\x09" + BODY[5:]), Reason.UNKNOWN_SCHEMA),
    "random bytes": (replace(GOOD, value=BODY[:5] + bytes(range(200, 256))), Reason.UNDECODABLE),
    "truncated": (replace(GOOD, value=BODY[:-2]), Reason.UNDECODABLE),
    "no body": (replace(GOOD, value=BODY[:5]), Reason.UNDECODABLE),
    "length beyond the end": (
        replace(GOOD, value=BODY[:5] + b"\xfe\x7f" + BODY[6:]), Reason.UNDECODABLE
    ),
    "not utf-8": (replace(GOOD, value=BODY.replace(b"percent", b"perc\xffnt")), Reason.UNDECODABLE),
    "long name": (with_value(name="n" * 257), Reason.FIELD_TOO_LARGE),
    "trailing": (replace(GOOD, value=BODY + b"\0"), Reason.TRAILING_BYTES),
    "two in one": (replace(GOOD, value=BODY + BODY[5:]), Reason.TRAILING_BYTES),
    "no key": (replace(GOOD, key=None), Reason.MISSING_KEY),
    "no entity": (replace(with_value(entity_id=""), key=b"x"), Reason.INVALID_ENTITY),
    "no name": (with_value(name=""), Reason.INVALID_ENTITY),
    "separator in entity": (with_value(entity_id="a\x1fb"), Reason.INVALID_ENTITY),
    "separator in name": (with_value(name="a\x1fb"), Reason.INVALID_ENTITY),
    "other key": (replace(GOOD, key=b"svc-2"), Reason.KEY_MISMATCH),
    "binary key": (replace(GOOD, key=b"\xff\xfe"), Reason.KEY_MISMATCH),
    "no time": (with_value(timestamp=0), Reason.INVALID_TIMESTAMP),
    "before the epoch": (with_value(timestamp=-5), Reason.INVALID_TIMESTAMP),
    "in 10000": (with_value(timestamp=8 * 10**14), Reason.INVALID_TIMESTAMP),
    "microseconds": (with_value(timestamp=NOW * 1000), Reason.TIMESTAMP_UNIT),
    "nan": (with_value(value=float("nan")), Reason.INVALID_VALUE),
    "infinite": (with_value(value=float("-inf")), Reason.INVALID_VALUE),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "reason"), POISON.values(), ids=POISON.keys())
@pytest.mark.parametrize("place", [0, 10, 19])
def test_poison_is_rejected_once_and_its_neighbours_are_read(
    bad: Message, reason: Reason, place: int
) -> None:
    batch = metrics(20)
    batch[place] = replace(bad, offset=batch[place].offset)
    decoded = assert_same(batch)
    assert [(one.raw, one.reason) for one in decoded.rejected] == [(batch[place], reason)]
    assert decoded.batch.offsets.tolist() == [
        one.offset for n, one in enumerate(batch) if n != place
    ]


def test_all_poison_at_once_in_a_large_batch() -> None:
    batch = metrics(2000)
    for number, (bad, _) in enumerate(POISON.values()):
        batch[number * 70] = bad
    decoded = assert_same(renumbered(batch))
    assert [bad.reason for bad in decoded.rejected] == [reason for _, reason in POISON.values()]
    assert len(decoded.batch) == 2000 - len(POISON)


def test_every_reason_is_met_by_some_poison() -> None:
    assert {reason for _, reason in POISON.values()} == set(Reason)


@st.composite
def damaged_batches(draw: st.DrawFn) -> list[Message]:
    """Metrics of several writers, some of them cut, extended, changed or swapped."""
    sent: list[Message] = []
    for one in draw(st.lists(structs(Metric), max_size=12)):
        schema_id = draw(st.sampled_from([0, 0, 0, 1, 2, 3, 8]))
        sent.append(written_by(schema_id, one) if schema_id else message(one))
    for place in draw(st.sets(st.integers(0, 11), max_size=4)):
        if place < len(sent):
            sent[place] = draw(damaged(sent[place]))
    return renumbered(sent)


def damaged(sent: Message) -> st.SearchStrategy[Message]:
    value = sent.value or b""
    places = st.integers(0, len(value) - 1)
    change = st.tuples(places, st.binary(min_size=1, max_size=3))
    values = st.one_of(
        places.map(lambda end: value[:end]),
        st.binary(min_size=1, max_size=40).map(lambda more: value + more),
        change.map(lambda c: value[: c[0]] + c[1] + value[c[0] + len(c[1]) :]),
        change.map(lambda c: value[: c[0]] + c[1] + value[c[0] :]),
        change.map(lambda c: value[: c[0]] + value[c[0] + len(c[1]) :]),
        st.binary(max_size=60).map(lambda body: value[:5] + body),
        st.sampled_from([POISON["nan"][0].value, POISON["two in one"][0].value]),
    )
    keys = st.sampled_from([None, b"", b"x", b"\x1f"])
    return st.one_of(
        values.map(lambda v: replace(sent, value=v)), keys.map(lambda k: replace(sent, key=k))
    )


@given(damaged_batches())
def test_columns_say_what_reading_one_by_one_says(sent: list[Message]) -> None:
    assert_same(sent)


@given(damaged_batches(), st.data())
def test_a_result_does_not_depend_on_how_a_batch_was_cut(
    sent: list[Message], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(sent)))
    decoder = MetricDecoder(REGISTRY)
    whole, first, second = (decoder.decode(part) for part in (sent, sent[:cut], sent[cut:]))
    assert rows_of(whole) == rows_of(first) + rows_of(second)
    assert whole.rejected == first.rejected + second.rejected


def test_a_reader_that_gives_up_costs_speed_and_no_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def panics(*_: object, **__: object) -> pl.DataFrame:
        raise pl.exceptions.PanicException("out of range")

    monkeypatch.setattr(container_module.pl, "read_avro", panics)
    assert len(assert_same(metrics(100)).batch) == 100


def test_unknown_ids_are_told_and_nothing_is_decided_before_they_are_fetched() -> None:
    registry = MemoryRegistry(WRITERS, away={1, 2})
    decoder = MetricDecoder(registry)
    sent = renumbered([*metrics(3), written_by(1, metric(3)), written_by(2, metric(4))])
    assert decoder.unknown_ids(sent) == {1, 2}
    with pytest.raises(NotCached):
        decoder.decode(sent)
    registry.fetch({1})
    with pytest.raises(NotCached):
        decoder.decode(sent)
    registry.fetch({2})
    assert decoder.unknown_ids(sent) == set()
    assert len(decoder.decode(sent).batch) == 5


def test_the_size_limit_can_be_set() -> None:
    sent = metrics(10)
    sent[4] = replace(message(metric(4, source="x" * 100)), offset=sent[4].offset)
    decoder = MetricDecoder(EmbeddedRegistry(), max_value_bytes=100)
    assert [bad.reason for bad in decoder.decode(sent).rejected] == [Reason.TOO_LARGE]
    assert len(encode(metric(4))) < 100
