"""The wire on a real registry: registering, refusing, evolving, and readers that are not ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.errors import InvalidRecord, UnknownName
from streams.records import (
    RECORD_TYPES,
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
from streams.wire.keys import key_of
from streams.wire.registry import NotCached, subject_name
from streams.wire.rejected import Reason
from streams.wire.schemas import schema_json, schema_text
from tests.kits.kafka.harness import KafkaHarness
from tests.kits.messages import NOW, Message

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
    assert fresh.pending(ids.values()) == set(ids.values())
    for cls, schema_id in ids.items():
        assert fresh.fetch(schema_id) == schema_json(cls)
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


def test_an_id_that_was_never_given_is_unknown(registry: ConfluentRegistry) -> None:
    with pytest.raises(UnknownName, match="2147483647"):
        registry.fetch(2_147_483_647)


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

    decoder = RecordDecoder(registry, Goal)
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
    decoder = MetricDecoder(fresh)
    with pytest.raises(NotCached):
        decoder.decode(raws)
    missing = decoder.unknown_ids(raws)
    assert len(missing) == 2
    for schema_id in missing:
        fresh.fetch(schema_id)
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
    decoded = RecordDecoder(registry, Goal).decode([raw])
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
