"""The few questions that the lanes ask a Kafka cluster."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TIMEOUT_SECONDS = 10.0


class BenchmarkError(Exception):
    """A run cannot be measured; the text says why."""


def create_topic(bootstrap: str, topic: str, partitions: int) -> None:
    """Create an empty topic, or accept an empty one that is there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1)
    try:
        admin.create_topics([new])[topic].result(TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        if sum(end_offsets(bootstrap, topic).values()):
            raise BenchmarkError(f"topic {topic!r} is not empty; use another one") from error


def topics_with_prefix(bootstrap: str, prefix: str) -> list[str]:
    """Names of all topics that begin with the prefix."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    return [
        name
        for name in admin.list_topics(timeout=TIMEOUT_SECONDS).topics
        if name.startswith(prefix)
    ]


def delete_topics(bootstrap: str, topics: list[str]) -> None:
    """Delete topics so that lanes do not fill the disk of the broker."""
    if not topics:
        return
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for deletion in admin.delete_topics(topics).values():
        deletion.result(TIMEOUT_SECONDS)


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """Offset after the last message of each partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-end-offsets"})
    try:
        partitions = consumer.list_topics(topic, TIMEOUT_SECONDS).topics[topic].partitions
        return {index: _end_offset(consumer, TopicPartition(topic, index)) for index in partitions}
    finally:
        consumer.close()


def _end_offset(consumer: Consumer, partition: TopicPartition) -> int:
    watermarks = consumer.get_watermark_offsets(partition, TIMEOUT_SECONDS)
    if watermarks is None:
        raise BenchmarkError(f"the broker does not tell the end of {partition}")
    return watermarks[1]


class CommittedOffsets:
    """Committed offsets of one group on one topic, read again and again over one connection."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        # Never subscribes, so it does not join the group and moves no partition.
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
        self._partitions = [TopicPartition(topic, index) for index in range(partitions)]

    def total(self) -> int:
        """Sum over the partitions; 0 where nothing is committed yet."""
        committed = self._consumer.committed(self._partitions, TIMEOUT_SECONDS)
        return sum(max(0, position.offset) for position in committed)

    def close(self) -> None:
        self._consumer.close()
