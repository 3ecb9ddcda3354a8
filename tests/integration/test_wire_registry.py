"""The wire on a real registry: registering, refusing, evolving, and readers that are not ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.errors import InvalidRecord, Unavailable, UnknownName
from streams.records import (
    RECORD_TYPES,
    Event,
    Goal,
    GoalAnalysis,
    Metric,
    Outcome,
    OutcomeStatus,
    Record,
    Severity,
    Suggestion,
    Tag,
    Trend,
)
from streams.wire.columns import MetricDecoder
from streams.wire.confluent import ConfluentRegistry
from streams.wire.decode import RecordDecoder
from streams.wire.encode import Encoder
from streams.wire.framing import header
from streams.wire.keys import key_of
from streams.wire.registry import NotCached, subject_name
from streams.wire.rejected import Reason
from streams.wire.schemas import schema_json, schema_text
from tests.kits.kafka.harness import KafkaHarness
from tests.kits.messages import NOW, Message, framed
from tools.kafka.stack import KafkaStack

GOAL = Goal(
    entity_id="svc-1", timestamp=NOW, goal_id="g-1", target_metric="cpu_usage", target_value=70.0,
    deadline=NOW + 1000, actions=("scale",), metadata={"team": "é"}, cause_numbers={"p": 0.5},
)  # fmt: skip
SUGGESTION = Suggestion(
    entity_id="svc-1", timestamp=NOW, suggestion_id="s-1", values={"cpu_usage": 7.0},
    analysis=(
        GoalAnalysis(
            goal_id="g-1", metric="cpu_usage", goal=10.0, current=4.0, gap=6.0, baseline=2.0,
            trend=Trend.TOWARD_GOAL, progress_ratio=0.25,
        ),
    ),
)  # fmt: skip
OUTCOME = Outcome(
    entity_id="svc-1", timestamp=NOW, event_id="o-1", run_id="r", agent_name="a", agent_type="t",
    action_type="scale", start_time=NOW, end_time=NOW + 250, duration_ms=250.0, latency_ms=300.0,
    status=OutcomeStatus.SUCCESS, severity=Severity.INFO, action_id="a-1",
    impact_measured={"cpu_usage": -12.5},
)  # fmt: skip
REGION = {"name": "region", "type": ["null", "string"], "default": None}


@pytest.fixture
def registry(registry_url: str) -> Iterator[ConfluentRegistry]:
    made = ConfluentRegistry(registry_url, timeout_seconds=10.0)
    yield made
    made.close()


@pytest.fixture
def outsider(registry_url: str) -> Iterator[SchemaRegistryClient]:
    """What somebody else's service uses."""
    with SchemaRegistryClient({"url": registry_url, "timeout": 10}) as client:
        yield client


def encoder_for(registry: ConfluentRegistry, topics: dict[str, type[Record]]) -> Encoder:
    """An encoder whose schemas are registered."""
    for topic, record_type in topics.items():
        registry.register(subject_name(topic), schema_json(record_type))
    made = Encoder(registry, topics)
    made.prepare()
    return made


def plain(record: Record) -> dict[str, Any]:
    return msgspec.to_builtins(record)


def with_region(record_type: type[Record]) -> Any:
    schema = copy.deepcopy(schema_json(record_type))
    schema["fields"].append(REGION)
    return schema


def test_every_schema_is_registered_once_and_found_by_others(
    registry: ConfluentRegistry, registry_url: str, unique: str
) -> None:
    subjects = {cls: subject_name(f"{unique}-{cls.__name__}") for cls in RECORD_TYPES}
    for cls, subject in subjects.items():
        with pytest.raises(UnknownName, match="topics apply"):
            registry.lookup(subject, schema_json(cls))
    ids = {cls: registry.register(subjects[cls], schema_json(cls)) for cls in RECORD_TYPES}
    assert len(set(ids.values())) == len(RECORD_TYPES)

    other = ConfluentRegistry(registry_url, timeout_seconds=10.0)
    for cls, subject in subjects.items():
        assert other.register(subject, schema_json(cls)) == ids[cls]
        assert other.lookup(subject, schema_json(cls)) == ids[cls]
    fresh = ConfluentRegistry(registry_url, timeout_seconds=10.0)
    for cls, schema_id in ids.items():
        schemas = fresh.under(subjects[cls])
        assert schemas.pending({schema_id}) == {schema_id}
        schemas.fetch({schema_id})
        assert schemas.schema_of(schema_id) == schema_json(cls)
    other.close()
    fresh.close()


@pytest.mark.parametrize("text", ["file", "spaced", "compact"])
def test_a_schema_that_others_registered_is_found(
    registry: ConfluentRegistry, outsider: SchemaRegistryClient, unique: str, text: str
) -> None:
    schema = schema_json(Goal)
    texts = {
        "file": schema_text(Goal),
        "spaced": json.dumps(schema),
        "compact": json.dumps(schema, separators=(",", ":"), ensure_ascii=False),
    }
    subject = subject_name(unique)
    schema_id = outsider.register_schema(subject, Schema(texts[text], "AVRO"))
    assert registry.lookup(subject, schema) == schema_id


def test_others_find_our_schema_by_the_file(
    registry: ConfluentRegistry, outsider: SchemaRegistryClient, unique: str
) -> None:
    schema_id = registry.register(subject_name(unique), schema_json(Goal))
    found = outsider.lookup_schema(subject_name(unique), Schema(schema_text(Goal), "AVRO"))
    assert found.schema_id == schema_id


def test_an_id_that_was_never_given_is_unknown(registry: ConfluentRegistry, unique: str) -> None:
    registry.register(subject_name(unique), schema_json(Goal))
    for subject in (subject_name(unique), subject_name(f"{unique}-no")):
        schemas = registry.under(subject)
        schemas.fetch({2_147_483_647})
        with pytest.raises(UnknownName, match="2147483647"):
            schemas.schema_of(2_147_483_647)


def test_a_schema_under_another_subject_is_not_trusted(
    registry_url: str, registry: ConfluentRegistry, outsider: SchemaRegistryClient, unique: str
) -> None:
    """31 bytes with the id of a recursive schema ended the process with SIGSEGV."""
    inner: dict[str, Any] = {"type": "record", "name": "S"}
    inner["fields"] = [{"name": "s", "type": ["null", "S"], "default": None}]
    itself = {"name": "x", "type": inner, "default": {"s": None}}
    evil = json.dumps({**schema_json(Event), "fields": [*schema_json(Event)["fields"], itself]})
    foreign = outsider.register_schema(f"{unique}-evil-value", Schema(evil, "AVRO"))
    registry.register(subject_name(unique), schema_json(Event))
    reading = ConfluentRegistry(registry_url, timeout_seconds=10.0)

    def refused() -> list[tuple[str, str]]:
        decoder = RecordDecoder(reading.under(subject_name(unique)), Event)
        raw = Message(header(foreign) + bytes(26), key=b"e")
        decoder.fetch(decoder.unknown_ids([raw]))
        return [(bad.reason, bad.detail) for bad in decoder.decode([raw]).rejected]

    ((reason, detail),) = refused()
    assert reason == Reason.UNKNOWN_SCHEMA
    assert f"{unique}-value" in detail
    reading.close()

    # Registered there, too: the schema itself is refused.
    assert outsider.register_schema(subject_name(unique), Schema(evil, "AVRO")) == foreign
    reading = ConfluentRegistry(registry_url, timeout_seconds=10.0)
    ((reason, detail),) = refused()
    assert reason == Reason.UNDECODABLE
    assert "'x.s' contains itself: S" in detail
    reading.close()


def test_versions_that_were_deleted_can_be_read_on(
    registry_url: str, registry: ConfluentRegistry, outsider: SchemaRegistryClient, unique: str
) -> None:
    """Records that they wrote are still on the topic."""
    old = registry.register(subject_name(unique), schema_json(Goal))
    new = registry.register(subject_name(unique), with_region(Goal))
    outsider.delete_version(subject_name(unique), 1)
    fresh = ConfluentRegistry(registry_url, timeout_seconds=10.0)
    schemas = fresh.under(subject_name(unique))
    schemas.fetch({old, new})
    assert schemas.schema_of(old) == schema_json(Goal)
    assert schemas.schema_of(new) == with_region(Goal)
    fresh.close()


@pytest.mark.timeout(240)
def test_a_registry_that_restarts_while_schemas_change_loses_no_record(tmp_path: Path) -> None:
    """A record with a new schema comes in while the registry is down: it waits, nothing is decided;
    what was known goes on."""
    stack = KafkaStack(tmp_path / "stack")
    stack.start()
    registry = ConfluentRegistry(stack.registry_url, timeout_seconds=2.0, lookups_per_minute=600)
    try:
        encoder = encoder_for(registry, {"goals": Goal})
        known = Message(encoder.encode(GOAL, "goals"))
        reading = ConfluentRegistry(stack.registry_url, timeout_seconds=2.0, lookups_per_minute=600)
        decoder = RecordDecoder(reading.under(subject_name("goals")), Goal)
        decoder.fetch(decoder.unknown_ids([known]))
        newer_id = registry.register(subject_name("goals"), with_region(Goal))

        stack.stop_registry(kill=True)
        newer = Message(framed(newer_id, with_region(Goal), {**plain(GOAL), "region": "eu"}))
        for _ in range(2):
            with pytest.raises(Unavailable):
                decoder.fetch(decoder.unknown_ids([newer]))
            with pytest.raises(NotCached):
                decoder.decode([newer])
        assert [one.record for one in decoder.decode([known]).records] == [GOAL]

        stack.start_registry()
        decoder.fetch(decoder.unknown_ids([newer]))
        assert [one.record for one in decoder.decode([known, newer]).records] == [GOAL, GOAL]
        reading.close()
    finally:
        registry.close()
        stack.stop()


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("target_value", {"type": "string"}),
        ("must_have", {"type": "string"}),
        ("direction", {"type": {"type": "enum", "name": "Direction", "symbols": ["reach"]}}),
    ],
)
def test_a_change_that_breaks_readers_is_refused_with_the_field(
    registry: ConfluentRegistry, unique: str, field: str, change: dict[str, Any]
) -> None:
    subject = subject_name(unique)
    registry.register(subject, schema_json(Goal))
    broken = copy.deepcopy(schema_json(Goal))
    place = next((f for f in broken["fields"] if f["name"] == field), None)
    if place is None:
        broken["fields"].append({"name": field, **change})
    else:
        place.update(change)
    with pytest.raises(InvalidRecord, match=subject) as caught:
        registry.register(subject, broken)
    assert caught.value.field == field


@pytest.mark.spec("S2-042")
def test_old_and_new_writers_and_readers_understand_each_other(
    registry: ConfluentRegistry, outsider: SchemaRegistryClient, unique: str
) -> None:
    """v2 has one more nullable field. Ours is v1; the other reader and writer are v2."""
    encoder = encoder_for(registry, {unique: Goal})
    newer = with_region(Goal)
    newer_id = registry.register(subject_name(unique), newer)
    context = SerializationContext(unique, MessageField.VALUE)
    strategy = {"subject.name.strategy": topic_subject_name_strategy}

    write_newer = AvroSerializer(
        outsider, json.dumps(newer), conf={**strategy, "auto.register.schemas": False}
    )
    fields = AvroDeserializer(outsider, conf=strategy)(encoder.encode(GOAL, unique), context)
    sent = write_newer({**fields, "region": "eu"}, context)
    assert sent is not None

    read_newer = AvroDeserializer(outsider, json.dumps(newer), conf=strategy)
    assert read_newer(encoder.encode(GOAL, unique), context)["region"] is None
    assert read_newer(sent, context)["region"] == "eu"

    decoder = RecordDecoder(registry.under(subject_name(unique)), Goal)
    decoded = decoder.decode([Message(encoder.encode(GOAL, unique)), Message(sent)])
    assert decoded.rejected == []
    assert [one.record for one in decoded.records] == [GOAL, GOAL]
    assert int.from_bytes(sent[1:5], "big") == newer_id


def test_metrics_of_old_and_new_writers_come_as_one_batch(
    registry: ConfluentRegistry, registry_url: str, outsider: SchemaRegistryClient, unique: str
) -> None:
    encoder = encoder_for(registry, {unique: Metric})
    registry.register(subject_name(unique), with_region(Metric))
    write_newer = AvroSerializer(
        outsider,
        json.dumps(with_region(Metric)),
        conf={
            "subject.name.strategy": topic_subject_name_strategy,
            "auto.register.schemas": False,
        },
    )
    context = SerializationContext(unique, MessageField.VALUE)
    raws: list[Message] = []
    for n in range(20):
        one = Metric(
            entity_id="svc-1", timestamp=NOW + n, name="cpu", value=float(n), tags=(Tag("k", "v"),)
        )
        value = encoder.encode(one, unique)
        if n % 3 == 0:
            fields = {name: getattr(one, name) for name in one.__struct_fields__}
            value = write_newer(
                {**fields, "tags": [{"key": "k", "value": "v"}], "region": "eu"}, context
            )
        raws.append(Message(value, offset=n))

    fresh = ConfluentRegistry(registry_url, timeout_seconds=10.0)
    decoder = MetricDecoder(fresh.under(subject_name(unique)))
    with pytest.raises(NotCached):
        decoder.decode(raws)
    missing = decoder.unknown_ids(raws)
    assert len(missing) == 2
    decoder.fetch(missing)
    decoded = decoder.decode(raws)
    fresh.close()
    assert decoded.rejected == []
    assert decoded.batch.offsets.tolist() == list(range(20))
    assert decoded.batch.values.tolist() == [float(n) for n in range(20)]


def test_a_schema_of_another_record_on_the_topic_is_rejected(
    registry: ConfluentRegistry, unique: str
) -> None:
    encoder = encoder_for(registry, {f"{unique}-o": Outcome})
    raw = Message(encoder.encode(OUTCOME, f"{unique}-o"))
    decoder = RecordDecoder(registry.under(subject_name(f"{unique}-o")), Goal)
    decoded = decoder.decode([raw])
    assert [bad.reason for bad in decoded.rejected] == [Reason.UNDECODABLE]


def test_plain_confluent_consumers_read_goals_suggestions_and_outcomes(
    registry: ConfluentRegistry, outsider: SchemaRegistryClient, kafka: KafkaHarness, unique: str
) -> None:
    sent: dict[str, Record] = {
        f"{unique}-goals": GOAL,
        f"{unique}-suggestions": SUGGESTION,
        f"{unique}-outcomes": OUTCOME,
    }
    encoder = encoder_for(registry, {topic: type(record) for topic, record in sent.items()})
    read = AvroDeserializer(outsider, conf={"subject.name.strategy": topic_subject_name_strategy})
    received: dict[str, Any] = {}
    for topic, record in sent.items():
        kafka.create_topic(topic)
        kafka.produce(topic, [(key_of(record), encoder.encode(record, topic))])
        (message,) = kafka.consume(topic, 1)
        assert message.key() == b"svc-1"
        received[topic] = read(message.value(), SerializationContext(topic, MessageField.VALUE))
    goal, suggestion, outcome = received.values()
    assert goal["goal_id"] == "g-1"
    assert goal["status"] == "active"
    assert goal["metadata"] == {"team": "é"}
    assert goal["timestamp"].timestamp() * 1000 == NOW
    assert goal["deadline"].timestamp() * 1000 == NOW + 1000
    assert suggestion["values"] == {"cpu_usage": 7.0}
    assert suggestion["analysis"][0]["trend"] == "toward_goal"
    assert outcome["impact_measured"] == {"cpu_usage": -12.5}
    assert outcome["severity"] == "info"
    assert outcome["error_type"] is None
