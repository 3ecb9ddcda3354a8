"""Reads topics from their oldest record to where they ended when reading began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.cli.consume import Received
from streams.cli.publisher import refused_settings
from streams.cli.recordings import TOPICS, Decoding, Recordings
from streams.errors import GoalstreamError, UnknownName
from streams.runtime.admin import ANSWER_SECONDS, Troubles, quiet_logger
from streams.wire.registry import Registry
from streams.wire.topology import Topology

_BATCH = 2_000
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 30


def from_kafka(client: Mapping[str, Any], topology: Topology, registry: Registry) -> Recordings:
    """``client``: settings of a librdkafka client. Raises Unavailable or UnknownName."""
    found = Recordings()
    decoding = Decoding(registry, found)
    reader = _Reader(client, f"{topology.prefix}operator-replay")
    try:
        for topic in TOPICS:
            name = topology.kafka_name(topic)
            for partition, messages in reader.read(name, found.begins.setdefault(topic, {})):
                decoding.add(topic, partition, messages)
    finally:
        reader.close()
    return found


class _Reader:
    """One topic after the other, without a group and without committing."""

    def __init__(self, client: Mapping[str, Any], group: str) -> None:
        self._troubles = Troubles(str(client["bootstrap.servers"]))
        settings: dict[str, Any] = {
            **client,
            "error_cb": self._troubles.note,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
        try:
            self._consumer = Consumer(settings, logger=quiet_logger())
        except KafkaException as error:
            raise refused_settings(error) from error

    def read(self, topic: str, begins: dict[int, int]) -> Iterator[tuple[int, list[Received]]]:
        """(partition, messages in the order of their offsets). Notes where a partition begins
        whose oldest records are gone."""
        ends = self._bounds(topic, begins)
        left = {number for number, end in ends.items() if end > begins.get(number, 0)}
        self._consumer.assign(
            [TopicPartition(topic, number, begins.get(number, 0)) for number in sorted(left)]
        )
        idle = 0.0
        while left:
            messages = self._consumer.consume(_BATCH, _POLL_SECONDS)
            idle = 0.0 if messages else idle + _POLL_SECONDS
            if idle > _PATIENCE_SECONDS:
                raise self._troubles.unavailable()
            received, ended = _by_partition(messages)
            for number in sorted(left & received.keys()):
                batch = received[number]
                if batch[-1].offset >= ends[number] - 1:
                    ended.add(number)
                yield number, [each for each in batch if each.offset < ends[number]]
            left -= ended

    def _bounds(self, topic: str, begins: dict[int, int]) -> dict[int, int]:
        """Partition -> offset behind its newest record."""
        try:
            # All topics are listed: asking for one could create it.
            known = self._consumer.list_topics(timeout=ANSWER_SECONDS).topics.get(topic)
            if known is None:
                raise UnknownName(
                    "topic is not on the cluster",
                    field="topic",
                    value=topic,
                    remedy="run 'goalstream topics apply', or correct topics.prefix",
                )
            ends: dict[int, int] = {}
            for number in sorted(known.partitions):
                start, ends[number] = self._consumer.get_watermark_offsets(
                    TopicPartition(topic, number), timeout=ANSWER_SECONDS
                )
                if start:
                    begins[number] = start
            return ends
        except KafkaException as error:
            self._consumer.poll(0)
            raise self._troubles.unavailable(error) from error

    def close(self) -> None:
        self._consumer.close()


def _by_partition(messages: Sequence[Message]) -> tuple[dict[int, list[Received]], set[int]]:
    """Messages by partition, and the partitions whose end was reached."""
    received: dict[int, list[Received]] = {}
    ended: set[int] = set()
    for message in messages:
        number, error = message.partition() or 0, message.error()
        if error is None:
            received.setdefault(number, []).append(_received(message))
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add(number)
        else:
            raise GoalstreamError(
                f"topic cannot be read: {error.str()}",
                field="topic",
                value=message.topic(),
                remedy="check the topic and this user's rights",
            )
    return received, ended


def _received(message: Message) -> Received:
    kind, time = message.timestamp()
    return Received(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=0 if kind == TIMESTAMP_NOT_AVAILABLE else time,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
    )


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
