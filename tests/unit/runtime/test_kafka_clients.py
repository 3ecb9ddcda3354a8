"""The reader and the sender beside a worker, on a broker inside the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from streams.errors import GoalstreamError, Unavailable, UnknownName
from streams.records import Event, Metric
from streams.runtime import kafka
from streams.runtime.embedded import PARTITIONS, EmbeddedBroker
from streams.runtime.kafka import Reader, Received, Sender
from streams.wire.registry import EmbeddedRegistry
from streams.wire.topology import Topology

TOPOLOGY = Topology.load(prefix="clients-", partitions=PARTITIONS)
EVENTS = TOPOLOGY.kafka_name("events")
METRICS = TOPOLOGY.kafka_name("metrics")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        running.create([TOPOLOGY.topic("events"), TOPOLOGY.topic("metrics")])
        yield running


def sender_to(broker: EmbeddedBroker) -> Sender:
    client = {"bootstrap.servers": broker.bootstrap}
    sender = Sender(client, TOPOLOGY, EmbeddedRegistry(), ["events", "metrics"])
    sender.prepare()
    return sender


def read(broker: EmbeddedBroker, topic: str) -> list[Received]:
    """All messages, by partition."""
    with closing(Reader({"bootstrap.servers": broker.bootstrap}, "clients")) as reader:
        bounds = reader.bounds(topic, "make it")
        return [each for _, batch in reader.between(topic, bounds) for each in batch]


def event(entity: str) -> Event:
    return Event(entity_id=entity, timestamp=1, event_id="e", event_type="x")


def test_records_of_several_topics_are_counted_and_arrive_under_their_keys(
    broker: EmbeddedBroker,
) -> None:
    sender = sender_to(broker)
    for entity in ("a", "b", "a"):
        sender.send("events", event(entity))
    sender.send("metrics", Metric(entity_id="a", name="cpu", value=1.0, timestamp=1))
    sender.send_bytes("events", b"a", b"no record")
    sender.finish()
    assert sender.sent == {"events": 3, "metrics": 1}

    events = read(broker, EVENTS)
    assert sorted(each.key or b"" for each in events) == [b"a", b"a", b"a", b"b"]
    assert len({each.partition for each in events if each.key == b"a"}) == 1
    assert [each.key for each in read(broker, METRICS)] == [b"a"]
    assert min(each.timestamp for each in events) > 0


def test_a_record_for_all_is_on_every_partition(broker: EmbeddedBroker) -> None:
    sender = sender_to(broker)
    sender.broadcast("events", event("*"))
    sender.finish()
    assert sender.sent["events"] == PARTITIONS
    assert sorted(each.partition for each in read(broker, EVENTS)) == list(range(PARTITIONS))


def test_what_was_not_delivered_is_counted_at_the_end(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "DELIVERY_SECONDS", 1.0)
    sender = sender_to(broker)
    broker.close()
    sender.send("events", event("a"))
    with pytest.raises(Unavailable, match="1 records were not delivered, 0 were") as caught:
        sender.finish()
    assert EVENTS in str(caught.value.value)


def test_only_what_was_there_is_read_between_bounds(broker: EmbeddedBroker) -> None:
    sender = sender_to(broker)
    for entity in "abcdefgh":
        sender.send("events", event(entity))
    sender.finish()
    with closing(Reader({"bootstrap.servers": broker.bootstrap}, "clients")) as reader:
        bounds = reader.bounds(EVENTS, "make it")
        sender.send("events", event("late"))
        sender.finish()
        found = [each for _, batch in reader.between(EVENTS, bounds) for each in batch]
    assert sorted(each.key or b"" for each in found) == [b"%c" % code for code in b"abcdefgh"]


def test_a_topic_that_is_missing_is_named_with_what_to_do(broker: EmbeddedBroker) -> None:
    client = {"bootstrap.servers": broker.bootstrap}
    with closing(Reader(client, "clients")) as reader, pytest.raises(UnknownName) as caught:
        reader.bounds("nowhere", "make it")
    assert (caught.value.value, caught.value.remedy) == ("nowhere", "make it")


def test_an_offset_that_is_gone_is_an_error_where_it_was_asked_to_be(
    broker: EmbeddedBroker,
) -> None:
    client = {"bootstrap.servers": broker.bootstrap}
    reader = Reader(client, "clients", reset="error")
    with closing(reader), pytest.raises(GoalstreamError, match="topic cannot be read"):
        list(reader.between(EVENTS, {0: (1000, 1001)}))
