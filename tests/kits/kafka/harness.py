"""Plain confluent-kafka helpers for tests: topics of their own, raw messages in and out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

REQUEST_SECONDS = 30.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class KafkaHarness:
    """Questions and deeds of a test at the broker with this address."""

    bootstrap: str

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        """Create a topic with one replica and return its name."""
        topic = NewTopic(
            name, num_partitions=partitions, replication_factor=1, config=dict(config or {})
        )
        admin = self._admin()
        admin.create_topics([topic])[name].result(REQUEST_SECONDS)
        return name

    def partitions(self, topic: str) -> list[int]:
        """Partition numbers of an existing topic."""
        metadata = self._admin().list_topics(topic, timeout=REQUEST_SECONDS).topics[topic]
        if metadata.error is not None:
            raise KafkaException(metadata.error)
        return sorted(metadata.partitions)

    def produce(
        self,
        topic: str,
        messages: Iterable[tuple[bytes | None, bytes | None]],
        *,
        partition: int = -1,
        timestamp: int = 0,
    ) -> None:
        """Write (key, value) pairs in order and return when the broker has confirmed all.

        ``timestamp`` is in ms, 0 for now; ``partition`` -1 leaves the choice to the key.
        """
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "acks": "all", "enable.idempotence": True}
        )
        errors: list[object] = []

        def confirmed(error: object, _message: Message) -> None:
            if error is not None:
                errors.append(error)

        for key, value in messages:
            producer.produce(
                topic,
                value,
                key,
                partition=partition,
                timestamp=timestamp,
                on_delivery=confirmed,
            )
            producer.poll(0)
        unsent = producer.flush(REQUEST_SECONDS)
        assert unsent == 0, f"{unsent} messages not confirmed"
        assert errors == []

    def consume(self, topic: str, count: int, seconds: float = REQUEST_SECONDS) -> list[Message]:
        """The first ``count`` messages that arrive, in order of partition and offset.

        Fails when fewer arrive in time, and says how many did.
        """
        messages: list[Message] = []
        for message in self._events(topic, seconds):
            if message.error() is None:
                messages.append(message)
            if len(messages) == count:
                return _ordered(messages)
        raise AssertionError(f"{topic}: {len(messages)} of {count} messages in {seconds} s")

    def consume_all(self, topic: str, seconds: float = REQUEST_SECONDS) -> list[Message]:
        """Every message up to the present end, in order of partition and offset."""
        messages: list[Message] = []
        unread = set(self.partitions(topic))
        for message in self._events(topic, seconds):
            if message.error() is None:
                messages.append(message)
            else:
                unread.discard(message.partition())
            if not unread:
                return _ordered(messages)
        raise AssertionError(f"{topic}: partitions {unread} not read to the end in {seconds} s")

    def _events(self, topic: str, seconds: float) -> Iterator[Message]:
        """Messages from the beginning, and an event at the end of each partition."""
        consumer = self._consumer()
        try:
            consumer.assign(
                [TopicPartition(topic, n, OFFSET_BEGINNING) for n in self.partitions(topic)]
            )
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for message in consumer.consume(1000, timeout=_POLL_SECONDS):
                    error = message.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    yield message
        finally:
            consumer.close()

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Offset after the last message of each partition."""
        consumer = self._consumer()
        try:
            return {
                number: consumer.get_watermark_offsets(
                    TopicPartition(topic, number), timeout=REQUEST_SECONDS
                )[1]
                for number in self.partitions(topic)
            }
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Committed offset of a group for each partition, -1001 where it has none."""
        consumer = self._consumer(group)
        try:
            asked = [TopicPartition(topic, number) for number in self.partitions(topic)]
            return {
                position.partition: position.offset
                for position in consumer.committed(asked, timeout=REQUEST_SECONDS)
            }
        finally:
            consumer.close()

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap})

    def _consumer(self, group: str = "") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group or f"harness-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )


def _ordered(messages: list[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: (message.partition(), message.offset()))
