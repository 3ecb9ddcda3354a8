"""Recorded topics are read from a broker to the end that they have, and no further."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.cli.recordings import TOPICS, from_kafka
from streams.errors import UnknownName
from streams.records import Record
from streams.runtime.embedded import EmbeddedBroker
from streams.wire.encode import Encoder
from streams.wire.registry import EmbeddedRegistry
from streams.wire.topology import RECORD_OF, Topology
from tests.kits.core.partition import START, command, event, metric

TOPOLOGY = Topology.load(prefix="replayed-", partitions=4)
REGISTRY = EmbeddedRegistry()


@pytest.fixture(scope="module")
def client() -> Iterator[dict[str, Any]]:
    """Settings of a client for a broker that has the topics."""
    with EmbeddedBroker() as broker:
        broker.create([TOPOLOGY.topic(topic) for topic in TOPICS])
        yield {"bootstrap.servers": broker.bootstrap}


def send(client: dict[str, Any], topic: str, partition: int, *records: Record) -> None:
    name = TOPOLOGY.kafka_name(topic)
    encoder = Encoder(REGISTRY, {name: RECORD_OF[topic]})
    encoder.prepare()
    producer = Producer(client)
    for record in records:
        producer.produce(
            name, encoder.encode(record, name), record.entity_id.encode(), partition=partition
        )
    assert not producer.flush(30)


def test_every_partition_is_read_in_the_order_of_its_offsets(client: dict[str, Any]) -> None:
    send(client, "metrics", 0, *(metric(float(i), timestamp=START + i) for i in range(5000)))
    send(client, "metrics", 2, metric(7.0, entity_id="other"))
    send(client, "events", 0, event("e-1"), event("e-2"))
    send(client, "commands", 3, command("goal.cancel"))
    found = from_kafka(client, TOPOLOGY, REGISTRY)
    assert {topic: count for topic, count in found.counts().items() if count} == {
        "metrics": 5001,
        "events": 2,
        "commands": 1,
    }
    parts = {part.partition: part for part in found.partitions()}
    assert sorted(parts) == [0, 2, 3]
    assert parts[0].tapes["metrics"].offsets.tolist() == list(range(5000))
    assert parts[0].tapes["metrics"].times.tolist() != [START + i for i in range(5000)]
    assert not any(found.begins.values())


def test_a_topic_that_is_not_there_is_named(client: dict[str, Any]) -> None:
    nowhere = Topology.load(prefix="nowhere-", partitions=4)
    with pytest.raises(UnknownName) as caught:
        from_kafka(client, nowhere, REGISTRY)
    assert caught.value.value == nowhere.kafka_name("decisions")
