"""The broker and the registry that all other integration tests stand on."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from tests.kits.kafka.harness import KafkaHarness
from tools.kafka import KafkaStack


def schema(**types: str) -> Schema:
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return Schema(json.dumps({"type": "record", "name": "R", "fields": fields}), "AVRO")


def test_messages_come_back_in_order(kafka: KafkaHarness, unique: str) -> None:
    topic = kafka.create_topic(unique, partitions=2)
    sent = [(b"k%d" % (n % 5), b"v%d" % n) for n in range(200)]
    kafka.produce(topic, sent)
    read = kafka.consume(topic, 200)
    assert kafka.partitions(topic) == [0, 1]
    assert sum(kafka.end_offsets(topic).values()) == 200
    for key in {key for key, _ in sent}:
        expected = [value for k, value in sent if k == key]
        assert [message.value() for message in read if message.key() == key] == expected
    assert [m.value() for m in kafka.consume_all(topic)] == [m.value() for m in read]


def test_too_few_messages_are_counted_in_the_failure(kafka: KafkaHarness, unique: str) -> None:
    topic = kafka.create_topic(unique)
    kafka.produce(topic, [(None, b"one")])
    with pytest.raises(AssertionError, match="1 of 2 messages"):
        kafka.consume(topic, 2, seconds=2.0)


def test_a_schema_comes_back_and_an_incompatible_one_is_refused(
    registry_url: str, unique: str
) -> None:
    client = SchemaRegistryClient({"url": registry_url, "timeout": 10})
    subject = f"{unique}-value"
    schema_id = client.register_schema(subject, schema(a="string"))
    found = client.get_schema(schema_id).schema_str
    assert found is not None
    assert json.loads(found)["fields"] == [{"name": "a", "type": "string"}]
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema(subject, schema(a="string", b="long"))
    assert refused.value.http_status_code == 409


def test_the_global_compatibility_is_backward(registry_url: str) -> None:
    reply = httpx.get(f"{registry_url}/config", timeout=10)
    assert reply.json()["compatibilityLevel"] == "BACKWARD"


@pytest.mark.timeout(300)  # six starts of Java servers
def test_a_stack_keeps_its_data_over_a_kill_and_a_stop(tmp_path: Path, unique: str) -> None:
    with KafkaStack(tmp_path / "stack") as stack:
        kafka = KafkaHarness(stack.bootstrap)
        kafka.create_topic(unique)
        kafka.produce(unique, [(b"k", b"before")])
        client = SchemaRegistryClient({"url": stack.registry_url, "timeout": 10})
        schema_id = client.register_schema(f"{unique}-value", schema(a="string"))

        stack.stop_broker(kill=True)
        stack.stop_registry(kill=True)
        assert not stack.broker_ready()
        assert not stack.registry_ready()
        stack.start()
        assert [m.value() for m in kafka.consume_all(unique)] == [b"before"]
        assert client.get_schema(schema_id).schema_str is not None

    assert stack.broker_pid is None
    assert stack.registry_pid is None
    # Another object finds the same ports and data, as another program would.
    with KafkaStack(tmp_path / "stack") as again:
        assert again.ports == stack.ports
        assert [m.value() for m in KafkaHarness(again.bootstrap).consume_all(unique)] == [b"before"]
