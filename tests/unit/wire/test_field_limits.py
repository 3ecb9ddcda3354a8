"""What is too large in a record is named; all else of its batch goes on."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import (
    Action,
    Command,
    Event,
    Goal,
    Metric,
    Outcome,
    OutcomeStatus,
    Record,
    Severity,
    Tag,
)
from streams.records.limits import (
    ARGUMENT_BYTES,
    ENTRIES,
    ID_BYTES,
    LIMITED,
    OUTPUT_BYTES,
    TEXT_BYTES,
    excess,
    stated,
)
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry
from streams.wire.rejected import Reason
from streams.wire.schemas import schema_json
from tests.kits.messages import NOW, MemoryRegistry, Message, framed, message

BASE: dict[str, Any] = {"entity_id": "svc-1", "timestamp": NOW}
SAMPLES: dict[type[Record], Record] = {
    Metric: Metric(**BASE, name="cpu", value=1.0),
    Event: Event(**BASE, event_id="e", event_type="deployed"),
    Action: Action(**BASE, action_id="a", action_type="scale"),
    Goal: Goal(**BASE, goal_id="g", target_metric="cpu", target_value=1.0),
    Command: Command(**BASE, command_id="c", command="goal.create"),
    Outcome: Outcome(
        **BASE, event_id="o", run_id="r", agent_name="a", agent_type="t", action_type="scale",
        start_time=NOW, end_time=NOW, duration_ms=1.0, latency_ms=1.0, action_id="a",
        status=OutcomeStatus.SUCCESS, severity=Severity.INFO,
    ),
}  # fmt: skip


def many(count: int) -> dict[str, str]:
    return {f"k{number}": "v" for number in range(count)}


def rejected(*records: Record) -> list[tuple[str, str]]:
    """Reason and detail of what is refused."""
    kind = type(records[0])
    raws = [message(record, offset) for offset, record in enumerate(records)]
    if kind is Metric:
        found = MetricDecoder(EmbeddedRegistry()).decode(raws).rejected
    else:
        registry = EmbeddedRegistry()
        found = RecordDecoder(registry, kind, output_bytes=OUTPUT_BYTES).decode(raws).rejected
    return [(bad.reason, bad.detail) for bad in found]


CASES: list[tuple[type[Record], str, Any, Any, int]] = [
    *(
        (kind, name, "x" * ID_BYTES, "x" * (ID_BYTES + 1), ID_BYTES)
        for kind, name in [
            (Metric, "entity_type"), (Metric, "name"), (Metric, "unit"), (Metric, "source"),
            (Metric, "correlation_id"),
            (Event, "event_id"), (Event, "event_type"), (Event, "entity_id"), (Event, "source"),
            (Action, "action_id"), (Action, "requested_by"), (Action, "plan_id"),
            (Goal, "goal_id"), (Goal, "target_metric"), (Goal, "group_id"), (Goal, "unit"),
            (Command, "command_id"), (Command, "target"), (Command, "issued_by"),
            (Outcome, "action_id"), (Outcome, "error_type"), (Outcome, "workflow_id"),
        ]
    ),
    (Event, "source", "é" * 128, "é" * 129, ID_BYTES),
    (Event, "source", "\U0001f600" * 64, "\U0001f600" * 64 + "x", ID_BYTES),
    *(
        (kind, name, "x" * TEXT_BYTES, "x" * (TEXT_BYTES + 1), TEXT_BYTES)
        for kind, name in [
            (Goal, "description"), (Goal, "close_reason"), (Goal, "dedupe_key"),
            (Goal, "cause_id"), (Outcome, "error_message"),
        ]
    ),
    *(
        (Outcome, name, "x" * OUTPUT_BYTES, "é" * (OUTPUT_BYTES // 2 + 1), OUTPUT_BYTES)
        for name in ("output", "stack_trace", "input_data", "context_snapshot")
    ),
    (Event, "metadata", {"k": "x" * TEXT_BYTES}, {"k": "x" * (TEXT_BYTES + 1)}, TEXT_BYTES),
    (Event, "metadata", {"x" * ID_BYTES: "v"}, {"x" * (ID_BYTES + 1): "v"}, ID_BYTES),
    (Event, "metadata", many(ENTRIES), many(ENTRIES + 1), ENTRIES),
    (Event, "metadata", many(ENTRIES), many(9_000), ENTRIES),
    (Action, "params", many(ENTRIES), many(ENTRIES + 1), ENTRIES),
    (Command, "arguments", {"k": "x" * ARGUMENT_BYTES}, {"k": "x" * 524_289}, ARGUMENT_BYTES),
    (Goal, "cause_numbers", dict.fromkeys(many(256), 1.0), dict.fromkeys(many(257), 1.0), ENTRIES),
    (Goal, "actions", ("x" * ID_BYTES,), ("x" * (ID_BYTES + 1),), ID_BYTES),
    (Goal, "dependencies", ("x",) * ENTRIES, ("x",) * (ENTRIES + 1), ENTRIES),
    (Outcome, "tags", ("x",) * ENTRIES, ("x",) * 20_000, ENTRIES),
    (Metric, "tags", (Tag("k", "x" * ID_BYTES),), (Tag("k", "x" * (ID_BYTES + 1)),), ID_BYTES),
    (Metric, "tags", (Tag("k", "v"),) * ENTRIES, (Tag("k", "v"),) * (ENTRIES + 1), ENTRIES),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad", "limit"),
    CASES,
    ids=[f"{kind.__name__}.{name}-{limit}" for kind, name, _, _, limit in CASES],
)
def test_the_largest_is_taken_and_what_is_larger_is_named(
    kind: type[Record], name: str, good: Any, bad: Any, limit: int
) -> None:
    fitting = msgspec.structs.replace(SAMPLES[kind], **{name: good})
    larger = msgspec.structs.replace(SAMPLES[kind], **{name: bad})
    assert excess(fitting, OUTPUT_BYTES) is None
    assert rejected(fitting, SAMPLES[kind]) == []
    found = excess(larger, OUTPUT_BYTES)
    assert found is not None
    assert found.field.startswith(name)
    assert found.limit == limit < found.size
    ((reason, detail),) = rejected(fitting, larger, SAMPLES[kind])
    assert reason == Reason.FIELD_TOO_LARGE
    assert f"field '{name}" in detail
    assert f"at most {limit} are taken" in detail


@given(
    texts=st.lists(st.text(max_size=300), min_size=4, max_size=4),
    entries=st.dictionaries(st.text(max_size=300), st.text(max_size=100), max_size=4),
    longer=st.sampled_from([0, 1, 9_000, 30_000]),
)
def test_records_of_any_size_are_judged_alike(
    texts: list[str], entries: dict[str, str], longer: int
) -> None:
    """Small ones by their decoded fields, large ones by their bytes."""
    outcome = msgspec.structs.replace(
        SAMPLES[Outcome], run_id=texts[0], agent_name=texts[1], error_type=texts[2],
        tags=(texts[3],), metadata=entries, output="x" * longer,
    )  # fmt: skip
    found = excess(outcome)
    assert bool(rejected(outcome)) == (found is not None)
    if found is not None:
        ((_, detail),) = rejected(outcome)
        assert found.field.partition(".")[0].partition("[")[0].partition(" ")[0] in detail


def test_many_small_parts_are_refused_before_they_are_made() -> None:
    """A megabyte of empty records, each of which would take 180 bytes and more."""
    inner: Any = "boolean"
    for depth in range(10):
        inner = {"type": "record", "name": f"R{depth}", "fields": [{"name": "r", "type": inner}]}
    extra = {"name": "x", "type": {"type": "array", "items": inner}}
    schema = {**schema_json(Event), "fields": [*schema_json(Event)["fields"], extra]}
    plain = msgspec.to_builtins(SAMPLES[Event])
    body = framed(7, schema, {**plain, "x": []})[:-1]
    count = 900_000
    value = body + framed(7, "long", count)[5:] + bytes(count) + b"\0"
    decoder = RecordDecoder(MemoryRegistry({7: schema}), Event)
    tracemalloc.start()
    (bad,) = decoder.decode([Message(value)]).rejected
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bad.reason == Reason.FIELD_TOO_LARGE
    assert "field 'x[]" in bad.detail
    assert "10001 parts" in bad.detail
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        (b"\xfe" * 9_000, "a number of more than ten bytes"),
        (b"\x01" + bytes(9_000), "a length of -1"),
        (framed(7, "long", 1 << 50)[5:] + bytes(9_000), "at most 256 are taken"),
        (framed(7, "string", "x" * 9_000)[5:][:-1], "at most 256 are taken"),
    ],
)
def test_a_large_body_that_is_none_is_refused(tail: bytes, said: str) -> None:
    (bad,) = (
        RecordDecoder(EmbeddedRegistry(), Event)
        .decode([Message(message(SAMPLES[Event]).value[:5] + tail)])  # type: ignore[index] # has one
        .rejected
    )
    assert said in bad.detail


@pytest.mark.parametrize("kind", LIMITED)
def test_the_schema_states_the_limits(kind: type[Record]) -> None:
    assert stated(kind) in schema_json(kind)["doc"]
    assert f"{ID_BYTES}" in json.dumps(stated(kind))
