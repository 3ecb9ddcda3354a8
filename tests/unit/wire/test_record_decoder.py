"""Records of any type and version come off a topic; whatever cannot be used is rejected."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from streams.records import (
    Action,
    DeadLetter,
    Event,
    Feedback,
    Forecast,
    Goal,
    GoalAnalysis,
    GoalType,
    LoopEvent,
    Metric,
    Observation,
    Outcome,
    OutcomeStatus,
    Record,
    Severity,
    Suggestion,
    Trend,
)
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry, NotCached
from streams.wire.rejected import Reason
from streams.wire.schemas import schema_json
from tests.kits.messages import NOW, MemoryRegistry, Message, encode, framed, message

GOAL = Goal(
    entity_id="svc-1", timestamp=NOW, goal_id="g-1", target_metric="cpu_usage", target_value=70.0,
    deadline=NOW + 1000, actions=("scale",), metadata={"team": "é"}, cause_numbers={"p": 0.5},
)  # fmt: skip


def decode_one(sent: Message, record_type: type[Record] = Goal, registry: Any = None) -> Any:
    """The record, or the one rejection."""
    decoded = RecordDecoder(registry or EmbeddedRegistry(), record_type).decode([sent])
    assert len(decoded.records) + len(decoded.rejected) == 1
    return decoded.rejected[0] if decoded.rejected else decoded.records[0].record


def goal_fields(**changes: Any) -> dict[str, Any]:
    fields = {name: getattr(GOAL, name) for name in GOAL.__struct_fields__}
    return fields | changes


def changed_schema(record_type: type[Record], field: str, **changes: Any) -> Any:
    schema = copy.deepcopy(schema_json(record_type))
    next(f for f in schema["fields"] if f["name"] == field).update(changes)
    return schema


def test_records_keep_their_offsets_and_order() -> None:
    sent = [
        message(Event(entity_id="a", timestamp=NOW, event_id=str(n), event_type="t"), 3 * n)
        for n in range(50)
    ]
    decoded = RecordDecoder(EmbeddedRegistry(), Event).decode(sent)
    assert [one.offset for one in decoded.records] == [3 * n for n in range(50)]
    assert [one.record.event_id for one in decoded.records] == [str(n) for n in range(50)]


@pytest.mark.spec("S1-074")
def test_a_goal_is_typed_and_complete() -> None:
    goal = decode_one(message(GOAL))
    assert goal == GOAL
    assert isinstance(goal.goal_type, GoalType)
    assert isinstance(goal.actions, tuple)
    assert type(goal.target_value) is float


@pytest.mark.spec("S0-048")
def test_a_suggestion_carries_the_analysis_of_each_goal() -> None:
    analysis = tuple(
        GoalAnalysis(goal_id=g, metric="m", goal=10.0, current=4.0, gap=6.0, baseline=2.0,
                     trend=Trend.TOWARD_GOAL, progress_ratio=0.25)
        for g in ("g-1", "g-2")
    )  # fmt: skip
    sent = Suggestion(
        entity_id="svc-1", timestamp=NOW, suggestion_id="s", values={"m": 7.0}, analysis=analysis
    )
    assert decode_one(message(sent), Suggestion).analysis == analysis


@pytest.mark.spec("S2-004")
def test_an_outcome_names_the_type_of_its_agent() -> None:
    sent = Outcome(
        entity_id="svc-1", timestamp=NOW, event_id="o", run_id="r", agent_name="react_agent",
        agent_type="react", action_type="x", start_time=NOW, end_time=NOW, duration_ms=1.0,
        latency_ms=2.0, status=OutcomeStatus.FAILURE, severity=Severity.ERROR, action_id="a",
    )  # fmt: skip
    outcome = decode_one(message(sent), Outcome)
    assert outcome.agent_type == "react"
    assert outcome.status is OutcomeStatus.FAILURE


@pytest.mark.spec("S4-015")
@pytest.mark.spec("S4-016")
@pytest.mark.spec("S4-017")
@pytest.mark.spec("S4-018")
@pytest.mark.spec("S4-019")
@pytest.mark.spec("S4-020")
def test_feedback_comes_back_with_its_parts() -> None:
    sent = Feedback(
        entity_id="svc-1", timestamp=NOW, feedback_id="f", provider_name="Deadline",
        summary="two minutes left", suggestions=("finish", "report"),
        observations=(Observation("time", "late", "clock"), Observation("calls", "many")),
    )  # fmt: skip
    feedback = decode_one(message(sent), Feedback)
    assert (feedback.provider_name, feedback.summary) == ("Deadline", "two minutes left")
    assert [o.evidence for o in feedback.observations] == ["clock", ""]
    assert feedback.suggestions == ("finish", "report")
    assert feedback.severity is Severity.INFO


@pytest.mark.spec("S2-042")
def test_a_newer_writer_is_read_by_this_version() -> None:
    newer = copy.deepcopy(schema_json(Goal))
    newer["fields"].insert(3, {"name": "owner", "type": ["null", "string"], "default": None})
    sent = framed(7, newer, goal_fields(owner="me"))
    assert decode_one(Message(sent), registry=MemoryRegistry({7: newer})) == GOAL


@pytest.mark.spec("S2-042")
def test_an_older_writer_is_read_with_the_defaults() -> None:
    older = copy.deepcopy(schema_json(Goal))
    older["fields"] = [f for f in older["fields"] if f["name"] not in ("metadata", "deadline")]
    sent = framed(7, older, goal_fields())
    goal = decode_one(Message(sent), registry=MemoryRegistry({7: older}))
    assert goal.metadata == {}
    assert goal.deadline is None
    assert goal.goal_id == GOAL.goal_id


@pytest.mark.parametrize("cut", [1, 3])
def test_a_cut_in_a_field_that_is_not_known_is_seen(cut: int) -> None:
    newer = copy.deepcopy(schema_json(Goal))
    newer["fields"].append({"name": "owner", "type": "string", "default": ""})
    sent = framed(7, newer, goal_fields(owner="me"))
    rejected = decode_one(Message(sent[:-cut]), registry=MemoryRegistry({7: newer}))
    assert rejected.reason is Reason.UNDECODABLE
    assert rejected.detail == "the value ends before the record does"


def test_several_versions_may_be_mixed_in_a_batch() -> None:
    older = copy.deepcopy(schema_json(Goal))
    older["fields"] = [f for f in older["fields"] if f["name"] != "metadata"]
    registry = MemoryRegistry({7: older})
    sent = [message(GOAL), Message(framed(7, older, goal_fields())), message(GOAL)]
    decoded = RecordDecoder(registry, Goal).decode(sent)
    assert decoded.rejected == []
    assert [one.record.metadata for one in decoded.records] == [GOAL.metadata, {}, GOAL.metadata]


def test_a_new_symbol_of_a_kind_is_read_as_the_default() -> None:
    newer = json.loads(json.dumps(schema_json(Goal)).replace('"cost_reduction"', '"growth"'))
    sent = framed(7, newer, goal_fields(goal_type="growth"))
    goal = decode_one(Message(sent), registry=MemoryRegistry({7: newer}))
    assert goal.goal_type is GoalType.PERFORMANCE_TARGET


def test_a_new_symbol_of_a_state_is_rejected() -> None:
    newer = json.loads(json.dumps(schema_json(Goal)).replace('"cancelled"', '"paused"'))
    sent = framed(7, newer, goal_fields(status="paused"))
    rejected = decode_one(Message(sent), registry=MemoryRegistry({7: newer}))
    assert rejected.reason is Reason.UNDECODABLE
    assert "paused" in rejected.detail


def test_unknown_ids_are_told_and_nothing_is_decided_before_they_are_fetched() -> None:
    registry = MemoryRegistry({7: schema_json(Goal), 8: schema_json(Goal)}, away={7, 8})
    decoder = RecordDecoder(registry, Goal)
    sent = [
        message(GOAL), Message(framed(7, schema_json(Goal), goal_fields())), Message(None),
        Message(b"junk"), Message(framed(8, schema_json(Goal), goal_fields())), Message(b""),
    ]  # fmt: skip
    assert decoder.unknown_ids(sent) == {7, 8}
    with pytest.raises(NotCached, match="schema_id"):
        decoder.decode(sent)
    registry.fetch({7})
    registry.fetch({8})
    assert decoder.unknown_ids(sent) == set()
    assert [one.record for one in decoder.decode(sent).records] == [GOAL] * 3


GOOD = message(GOAL)
BODY = GOOD.value or b""
NAN = replace(GOOD, value=encode(Goal(**goal_fields(target_value=float("nan")))))
INFINITE = replace(GOOD, value=encode(Goal(**goal_fields(cause_numbers={"p": float("inf")}))))
MICROS = changed_schema(Goal, "timestamp", type={"type": "long", "logicalType": "timestamp-micros"})
EVENT = message(Event(entity_id="svc-1", timestamp=NOW, event_id="e", event_type="t"))
REGISTRY = MemoryRegistry({7: MICROS})


def goal_with(**changes: Any) -> Message:
    return message(Goal(**goal_fields(**changes)))


POISON = {
    "tombstone": (replace(GOOD, value=None), Reason.EMPTY, "no value"),
    "empty": (replace(GOOD, value=b""), Reason.EMPTY, "no value"),
    "too large": (replace(GOOD, value=BODY + bytes(1_000_000)), Reason.TOO_LARGE, "1000000"),
    "json": (replace(GOOD, value=b'{"goal_id": 1}'), Reason.NOT_FRAMED, "7b22676f61"),
    "short": (replace(GOOD, value=BODY[:4]), Reason.NOT_FRAMED, "00"),
    "unknown id": (replace(GOOD, value=b"\0\0\0\0\x09" + BODY[5:]), Reason.UNKNOWN_SCHEMA, "9"),
    "truncated": (replace(GOOD, value=BODY[:-9]), Reason.UNDECODABLE, "ends before"),
    "no body": (replace(GOOD, value=BODY[:5]), Reason.UNDECODABLE, "ends before"),
    "not utf-8": (
        replace(GOOD, value=BODY.replace(b"svc-1", b"svc\xff1")), Reason.UNDECODABLE, "utf-8"
    ),
    "long id": (
        message(msgspec.structs.replace(GOAL, goal_id="g" * 257)), Reason.FIELD_TOO_LARGE, "goal_id"
    ),
    "another record": (replace(EVENT, topic="goals"), Reason.UNDECODABLE, "mismatch"),
    "microseconds": (
        Message(framed(7, MICROS, goal_fields(timestamp=NOW * 1000))), Reason.UNDECODABLE,
        "'timestamp'",
    ),
    "trailing": (replace(GOOD, value=BODY + b"\0\0"), Reason.TRAILING_BYTES, "2 bytes"),
    "no key": (replace(GOOD, key=None), Reason.MISSING_KEY, "entity_id"),
    "empty key": (replace(GOOD, key=b""), Reason.MISSING_KEY, "entity_id"),
    "no entity": (replace(goal_with(entity_id=""), key=b"x"), Reason.INVALID_ENTITY, "entity_id"),
    "separator": (goal_with(entity_id="a\x1fb"), Reason.INVALID_ENTITY, "entity_id"),
    "other key": (replace(GOOD, key=b"svc-2"), Reason.KEY_MISMATCH, "svc-2"),
    "binary key": (replace(GOOD, key=b"\xff"), Reason.KEY_MISMATCH, "entity_id"),
    "no time": (goal_with(timestamp=0), Reason.INVALID_TIMESTAMP, "'timestamp', value 0"),
    "wrong unit": (goal_with(timestamp=NOW * 1000), Reason.TIMESTAMP_UNIT, "--time-unit us"),
    "nan": (NAN, Reason.INVALID_VALUE, "target_value"),
    "infinite, nested": (INFINITE, Reason.INVALID_VALUE, "cause_numbers"),
}  # fmt: skip


@pytest.mark.spec("S0-009")
@pytest.mark.parametrize(("bad", "reason", "words"), POISON.values(), ids=POISON.keys())
def test_poison_is_rejected_once_and_its_neighbours_are_read(
    bad: Message, reason: Reason, words: str
) -> None:
    batch = [replace(one, offset=n) for n, one in enumerate([GOOD, GOOD, bad, GOOD, GOOD])]
    decoded = RecordDecoder(REGISTRY, Goal).decode(batch)
    assert [one.offset for one in decoded.records] == [0, 1, 3, 4]
    assert all(one.record == GOAL for one in decoded.records)
    assert [(one.raw, one.reason) for one in decoded.rejected] == [(batch[2], reason)]
    assert words in decoded.rejected[0].detail


def test_every_reason_is_met_by_some_poison() -> None:
    assert {reason for _, reason, _ in POISON.values()} == set(Reason)


def test_numbers_deep_inside_are_checked_too() -> None:
    forecast = Forecast(
        entity_id="svc-1", timestamp=NOW, forecast_id="f", metric="m", method="hw",
        step_seconds=60.0, predictions=(1.0, float("nan")), lower=(), upper=(), level=0.9, points=2,
    )  # fmt: skip
    rejected = decode_one(message(forecast), Forecast)
    assert (rejected.reason, "predictions" in rejected.detail) == (Reason.INVALID_VALUE, True)
    analysis = GoalAnalysis(goal_id="g", metric="m", goal=1.0, current=float("inf"), gap=1.0)
    suggestion = Suggestion(
        entity_id="svc-1", timestamp=NOW, suggestion_id="s", analysis=(analysis,)
    )
    rejected = decode_one(message(suggestion), Suggestion)
    assert (rejected.reason, "analysis" in rejected.detail) == (Reason.INVALID_VALUE, True)


def test_loop_events_are_keyed_by_their_loop() -> None:
    event = LoopEvent(
        entity_id="svc-1", timestamp=NOW, loop_id="loop-1", loop_name="n", kind="k", event_seq=1
    )
    assert decode_one(message(event), LoopEvent) == event
    rejected = decode_one(replace(message(event), key=b"svc-1"), LoopEvent)
    assert (rejected.reason, "loop_id" in rejected.detail) == (Reason.KEY_MISMATCH, True)


def test_dead_letters_may_hold_what_other_records_may_not() -> None:
    letter = DeadLetter(
        entity_id="a\x1fb", timestamp=0, dead_letter_id="d", reason="empty", detail="",
        topic="t", partition=0, offset=1, key=b"\xff\x00", value=bytes(range(256)),
    )  # fmt: skip
    assert decode_one(message(letter), DeadLetter) == letter
    assert decode_one(replace(message(letter), key=None), DeadLetter) == letter


def test_a_metric_name_is_checked_like_an_entity() -> None:
    for name in ("", "a\x1fb"):
        sent = message(Metric(entity_id="svc-1", timestamp=NOW, name=name, value=1.0))
        rejected = decode_one(sent, Metric)
        assert (rejected.reason, "'name'" in rejected.detail) == (Reason.INVALID_ENTITY, True)


def test_a_lack_of_memory_is_not_the_fault_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("streams.wire.body.fastavro.schemaless_reader", exhausted)
    with pytest.raises(MemoryError):
        decode_one(GOOD)


def test_the_size_limit_can_be_set() -> None:
    sent = message(Action(entity_id="svc-1", timestamp=NOW, action_id="a", action_type="t"))
    size = len(sent.value or b"")
    registry = EmbeddedRegistry()
    assert RecordDecoder(registry, Action, max_value_bytes=size).decode([sent]).records
    small = RecordDecoder(registry, Action, max_value_bytes=size - 1).decode([sent])
    assert [one.reason for one in small.rejected] == [Reason.TOO_LARGE]
