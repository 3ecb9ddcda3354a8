"""Records from CSV and JSON lines."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.cli.rows import Format, Row, RowReader, TimeUnit, format_of, to_ms
from streams.core.kernel.clocks import FIRST_MS
from streams.errors import InvalidRecord
from streams.records import Action, Command, Event, Goal, Metric, Record, Tag

NOW = 1_700_000_000_000


def read(record_type: type[Record], text: str, format_: Format) -> list[Row]:
    reader = RowReader(record_type, lambda: NOW, lambda: "new-id")
    return list(reader.rows(io.StringIO(text, newline=""), format_))


def error_of(record_type: type[Record], text: str, format_: Format) -> InvalidRecord:
    (row,) = [row for row in read(record_type, text, format_) if row.error]
    assert row.error is not None
    return row.error


def test_a_csv_line_becomes_a_record_with_every_kind_of_field() -> None:
    text = (
        "entity_id,name,value,timestamp,unit,tags\n"
        'web-1,cpu,1.5,2026-01-01T00:00:00Z,,"[{""key"": ""host"", ""value"": ""a""}]"\n'
    )
    (row,) = read(Metric, text, Format.CSV)
    assert row == Row(
        2,
        record=Metric(
            entity_id="web-1",
            name="cpu",
            value=1.5,
            timestamp=1_767_225_600_000,
            tags=(Tag("host", "a"),),
        ),
    )


def test_an_empty_cell_is_an_absent_field() -> None:
    (row,) = read(Goal, "entity_id,target_metric,target_value,deadline\na,cpu,5,\n", Format.CSV)
    assert isinstance(row.record, Goal)
    assert row.record.deadline is None


@pytest.mark.parametrize(
    ("record_type", "field", "rest"),
    [
        (Event, "event_id", {"event_type": "deploy"}),
        (Action, "action_id", {"action_type": "restart"}),
        (Goal, "goal_id", {"target_metric": "cpu", "target_value": 1.0}),
        (Command, "command_id", {"command": "goal.cancel"}),
    ],
)
def test_id_and_time_are_filled_in_where_a_person_may_leave_them_out(
    record_type: type[Record], field: str, rest: dict[str, object]
) -> None:
    line = msgspec.json.encode({"entity_id": "a", **rest}).decode()
    (row,) = read(record_type, line, Format.JSONL)
    assert getattr(row.record, field) == "new-id"
    assert row.record.timestamp == NOW
    line = msgspec.json.encode({"entity_id": "a", field: "mine", "timestamp": 5, **rest}).decode()
    (row,) = read(record_type, line, Format.JSONL)
    assert (getattr(row.record, field), row.record.timestamp) == ("mine", 5)


def test_a_metric_needs_its_time() -> None:
    error = error_of(Metric, '{"entity_id":"a","name":"cpu","value":1}', Format.JSONL)
    assert (error.field, error.message) == ("timestamp", "line 1: missing field")


def test_good_lines_around_a_bad_one_are_read_and_lines_are_counted() -> None:
    text = "entity_id,name,value,timestamp\na,cpu,1,5\n\na,cpu,x,6\na,cpu,3,7\n"
    rows = read(Metric, text, Format.CSV)
    assert [(row.line, row.error is None) for row in rows] == [(2, True), (4, False), (5, True)]


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("a,cpu,x,5", "value", "x"),
        ("a,cpu,nan,5", "", None),
        ("a,cpu,inf,5", "", None),
        (",cpu,1,5", "entity_id", None),
        ("a,,1,5", "name", None),
        ("a,c\x1fpu,1,5", "", None),
        ("a,cpu,1,yesterday", "timestamp", "yesterday"),
        ("a,cpu,1,-5", "", None),
        ("a,cpu,1", "cells", 3),
        ("a,cpu,1,5,6", "cells", 5),
        ('a,"cpu"x,1,5', "", None),
    ],
)
def test_a_bad_csv_line_is_named_with_line_field_and_value(
    line: str, field: str, value: object
) -> None:
    error = error_of(Metric, f"entity_id,name,value,timestamp\n{line}\n", Format.CSV)
    assert error.message.startswith("line 2: ")
    assert (error.field, error.value) == (field, value)


@pytest.mark.parametrize(
    ("line", "field", "remedy"),
    [
        ('{"entity_id":"a","event_typ":"x"}', "event_typ", "'event_type'"),
        ('{"entity_id":5,"event_type":"x"}', "entity_id", "expected `str`, got `int`"),
        ('{"entity_id":"a","event_type":"x","metadata":{"n":1}}', "metadata", "expected `str`"),
        ('{"entity_id":"a","event_type":"x","timestamp":true}', "timestamp", "ISO 8601"),
        ('{"entity_id":"a"}', "event_type", "add it"),
        ("[1]", "line", "one object"),
        ("{", "line", "correct"),
        ('{"entity_id":"a","event_type":"x","timestamp":NaN}', "line", "correct"),
    ],
)
def test_a_bad_json_line_is_named_with_field_and_remedy(line: str, field: str, remedy: str) -> None:
    error = error_of(Event, f"\n{line}\n", Format.JSONL)
    assert error.message.startswith("line 2: ")
    assert error.field == field
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("header", "field"), [("entity_id,nam", "nam"), ("name,name", "name"), ("", "line")]
)
def test_a_bad_header_stops_everything(header: str, field: str) -> None:
    with pytest.raises(InvalidRecord, match="line 1|header") as caught:
        read(Metric, f"{header}\n" if header else "", Format.CSV)
    assert caught.value.field == field


def test_an_unknown_column_gets_the_nearest_field() -> None:
    with pytest.raises(InvalidRecord, match="did you mean 'timestamp'"):
        read(Metric, "entity_id,timestam\n", Format.CSV)


@pytest.mark.parametrize("format_", list(Format))
def test_bytes_that_are_no_utf8_are_refused_in_their_line_only(format_: Format) -> None:
    if format_ is Format.CSV:
        data = b"entity_id,event_type\na\xff,x\nb,x\n"
    else:
        data = b'{"entity_id":"a\xff","event_type":"x"}\n{"entity_id":"b","event_type":"x"}\n'
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="surrogateescape", newline="")
    rows = list(RowReader(Event, lambda: NOW, lambda: "id").rows(text, format_))
    assert "not UTF-8" in str(rows[0].error)
    assert rows[1].record is not None


def test_only_the_engine_writes_later_revisions_of_a_goal() -> None:
    line = '{"entity_id":"a","target_metric":"cpu","target_value":1,"revision":2}'
    error = error_of(Goal, line, Format.JSONL)
    assert (error.field, error.value) == ("revision", 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("5", 5),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01", 1000),
        ("1970-01-01T01:00:00.250+01:00", 250),
        ("1970-01-02", 86_400_000),
    ],
)
def test_moments_are_iso_or_milliseconds(value: object, expected: int) -> None:
    assert to_ms("timestamp", value) == expected


@given(st.integers(0, 4_102_444_800_000))
def test_iso_text_and_milliseconds_are_the_same_moment(ms: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert to_ms("timestamp", moment.isoformat()) == ms == to_ms("timestamp", str(ms))


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(
    entity=_TEXT,
    name=_TEXT,
    value=st.floats(allow_nan=False, allow_infinity=False),
    timestamp=st.integers(FIRST_MS, 10**13),
    tags=st.lists(st.builds(Tag, _TEXT, _TEXT), max_size=3),
)
def test_a_metric_survives_both_formats(
    entity: str, name: str, value: float, timestamp: int, tags: list[Tag]
) -> None:
    metric = Metric(entity_id=entity, name=name, value=value, timestamp=timestamp, tags=tuple(tags))
    json_line = msgspec.json.encode(metric).decode()
    assert read(Metric, json_line, Format.JSONL) == [Row(1, record=metric)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["entity_id", "name", "value", "timestamp", "tags"])
    writer.writerow([entity, name, value, timestamp, msgspec.json.encode(metric.tags).decode()])
    assert read(Metric, text.getvalue(), Format.CSV) == [Row(2, record=metric)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.csv", Format.CSV),
        ("B.CSV", Format.CSV),
        ("x.jsonl", Format.JSONL),
        ("x.ndjson", Format.JSONL),
        ("x.json", Format.JSONL),
        ("-", None),
        ("x.txt", None),
    ],
)
def test_the_format_follows_from_the_extension(path: str, expected: Format | None) -> None:
    assert format_of(path) is expected


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        (TimeUnit.S, "1767225600", 1_767_225_600_000),
        (TimeUnit.S, "1767225600.25", 1_767_225_600_250),
        (TimeUnit.US, "1767225600000250", 1_767_225_600_000),
        (TimeUnit.NS, "1767225600000000001", 1_767_225_600_000),
        (TimeUnit.S, "2026-01-01T00:00:00Z", 1_767_225_600_000),
    ],
)
def test_times_may_be_counted_in_other_units(unit: TimeUnit, text: str, expected: int) -> None:
    reader = RowReader(Metric, lambda: NOW, lambda: "id", unit)
    lines = f"entity_id,name,value,timestamp\na,cpu,1,{text}\n"
    (row,) = reader.rows(io.StringIO(lines), Format.CSV)
    assert row.record is not None
    assert row.record.timestamp == expected


@pytest.mark.parametrize(
    ("moment", "unit"),
    [(1_767_225_600, "s"), (1_767_225_600 * 10**6, "us"), (1_767_225_600 * 10**9, "ns")],
)
def test_another_unit_is_refused_with_the_remedy(moment: int, unit: str) -> None:
    error = error_of(Metric, f"entity_id,name,value,timestamp\na,cpu,1,{moment}\n", Format.CSV)
    assert (error.field, error.value, error.remedy) == (
        "timestamp", moment, f"add --time-unit {unit}"
    )  # fmt: skip
