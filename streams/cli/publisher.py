"""Sends records to one topic and counts what the broker said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.errors import ConfigError, GoalstreamError, Unavailable, UnknownName
from streams.records import Record
from streams.runtime.admin import ANSWER_SECONDS, Troubles, quiet_logger
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.registry import Registry
from streams.wire.topology import TopicSpec

PARTITION_UA = -1
"""In place of a partition: that of the key."""
DELIVERY_SECONDS = 30.0
"""How long a record may be on its way before it counts as failed."""


class Publisher:
    """A producer for one topic; ``sent`` and ``failed`` count delivered and refused records."""

    def __init__(self, client: Mapping[str, Any], topic: TopicSpec, registry: Registry) -> None:
        assert topic.record_type is not None
        self._topic = topic.name
        self._troubles = Troubles(str(client["bootstrap.servers"]))
        self._encoder = Encoder(registry, {topic.name: topic.record_type})
        self._producer = _producer(client, self._troubles)
        self._first_failure = ""
        self._partitions = 0
        self.sent = 0
        self.failed = 0

    def prepare(self) -> None:
        """Check broker, topic and schema. Raises Unavailable or UnknownName."""
        try:
            metadata = self._producer.list_topics(self._topic, timeout=ANSWER_SECONDS)
        except KafkaException as error:
            self._producer.poll(0)
            raise self._troubles.unavailable(error) from error
        self._partitions = len(metadata.topics[self._topic].partitions)
        error = metadata.topics[self._topic].error
        if error is not None:
            raise UnknownName(
                f"topic cannot be used: {error.str()}",
                field="topic",
                value=self._topic,
                remedy="run 'goalstream topics apply'",
            )
        self._encoder.prepare()

    def send(self, record: Record) -> None:
        """Hand over one record; waits while the queue is full. Raises InvalidRecord."""
        self._send(record, PARTITION_UA)

    def broadcast(self, record: Record) -> None:
        """Hand over one record to every partition, which ``prepare`` has counted."""
        for number in range(self._partitions):
            self._send(record, number)

    def _send(self, record: Record, partition: int) -> None:
        value = self._encoder.encode(record, self._topic)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value,
                    key_of(record),
                    partition=partition,
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def wait(self, seconds: float) -> None:
        """Let time pass while deliveries are counted."""
        self._producer.poll(max(0.0, seconds))

    def finish(self) -> None:
        """Wait for every delivery. Raises Unavailable when records were not delivered."""
        # Every record fails by itself after DELIVERY_SECONDS, so the queue empties in time.
        left = self._producer.flush(DELIVERY_SECONDS + ANSWER_SECONDS)
        if left or self.failed:
            raise Unavailable(
                f"{self.failed + left} records were not delivered, {self.sent} were"
                + (f": {self._first_failure}" if self._first_failure else ""),
                field="topic",
                value=self._topic,
                remedy="check the broker with 'goalstream doctor', then send the rest again",
            )

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.sent += 1
            return
        self.failed += 1
        self._first_failure = self._first_failure or error.str()


def _producer(client: Mapping[str, Any], troubles: Troubles) -> Producer:
    settings = {
        **client,
        "error_cb": troubles.note,
        # As in the JVM clients, so that every writer puts a key on the same partition.
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 20,
        "message.timeout.ms": int(DELIVERY_SECONDS * 1000),
    }
    try:
        return Producer(settings, logger=quiet_logger())
    except KafkaException as error:
        raise refused_settings(error) from error


def refused_settings(error: KafkaException) -> GoalstreamError:
    """What to say when a client does not start with its settings."""
    return ConfigError(
        f"Kafka client refuses its settings: {error.args[0].str()}",
        remedy="correct the kafka section of the settings",
    )
