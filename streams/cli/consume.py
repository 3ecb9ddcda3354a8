"""``goalstream consume``: records of a topic as JSON lines."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.cli.publisher import refused_settings
from streams.cli.state import CliState
from streams.errors import GoalstreamError, InvalidRecord, UnknownName, nearest
from streams.records import Record
from streams.runtime.admin import ANSWER_SECONDS, Troubles, quiet_logger
from streams.runtime.connect import opened_registry, topology_of
from streams.wire.decode import RecordDecoder
from streams.wire.registry import Registry

_NO_LEADER_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_BATCH = 500
_POLL_SECONDS = 0.2
_MAX_VALUE_BYTES = 16_000_000
"""Dead letters are larger than the records that they hold."""


class Start(StrEnum):
    BEGINNING = "beginning"
    END = "end"


@dataclass(frozen=True, slots=True)
class Received:
    """A message in the form that the decoder takes."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def consume(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(help="Logical or Kafka name of a topic.")],
    start: Annotated[Start, typer.Option("--from", help="Where to start.")] = Start.END,
    maximum: Annotated[
        int | None, typer.Option("--max", min=1, help="Stop after so many records.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds without a record.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
) -> None:
    """Print records as JSON lines until interrupted.

    What cannot be decoded is printed too, with the reason and the bytes in base64.
    """
    state: CliState = ctx.obj
    settings = state.settings()
    topology = topology_of(settings)
    spec = topology.find(topic)
    known = [spec.logical for spec in topology.topics]
    reader = _Reader(settings.librdkafka(), f"{topology.prefix}operator-consume")
    with opened_registry(settings) as registry, closing(reader), suppress(KeyboardInterrupt):
        lines = Lines(registry, spec.record_type if spec else None)
        reader.open(spec.name if spec else topic, start, known)
        for messages in selected(reader.batches(timeout, time.monotonic), key, maximum):
            for line in lines.of(messages):
                sys.stdout.write(line + "\n")
            sys.stdout.flush()


def selected(
    batches: Iterable[list[Received]], key: str | None, maximum: int | None
) -> Iterator[list[Received]]:
    """The messages with this key, at most so many; None for all."""
    left = maximum
    for batch in batches:
        wanted = [message for message in batch if key is None or message.key == key.encode()]
        yield wanted[:left]
        if left is not None:
            left -= len(wanted[:left])
            if not left:
                return


class Lines:
    """Makes JSON lines of messages."""

    def __init__(self, registry: Registry, record_type: type[Record] | None) -> None:
        self._registry = registry
        self._decoder = (
            RecordDecoder(registry, record_type, max_value_bytes=_MAX_VALUE_BYTES)
            if record_type
            else None
        )

    def of(self, messages: Sequence[Received]) -> Iterator[str]:
        """One line a message, in order. Raises Unavailable while the registry is away."""
        if self._decoder is None:
            for message in messages:
                yield _line(message, _raw(message, "no_schema", "no record type is declared"))
            return
        for schema_id in self._decoder.unknown_ids(messages):
            # The decoder says of each message what is wrong with its schema.
            with suppress(UnknownName, InvalidRecord):
                self._registry.fetch(schema_id)
        for message in messages:
            decoded = self._decoder.decode([message])
            for found in decoded.records:
                yield _line(message, {"record": msgspec.to_builtins(found.record)})
            for rejected in decoded.rejected:
                yield _line(message, _raw(message, rejected.reason, rejected.detail))


def _line(message: Received, content: Mapping[str, Any]) -> str:
    head = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "key": None if message.key is None else message.key.decode(errors="backslashreplace"),
    }
    if message.timestamp > 0:
        head["written_at"] = message.timestamp
    return msgspec.json.encode({**head, **content}).decode()


def _raw(message: Received, reason: str, detail: str) -> dict[str, Any]:
    value = None if message.value is None else base64.b64encode(message.value).decode()
    return {"reason": reason, "detail": detail, "value_base64": value}


class _Reader:
    """Reads all partitions of a topic, without a group and without committing."""

    def __init__(self, client: Mapping[str, Any], group: str) -> None:
        self._troubles = Troubles(str(client["bootstrap.servers"]))
        settings = {
            **client,
            "error_cb": self._troubles.note,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        try:
            self._consumer = Consumer(settings, logger=quiet_logger())
        except KafkaException as error:
            raise refused_settings(error) from error

    def open(self, topic: str, start: Start, known: Sequence[str]) -> None:
        """Raises Unavailable, or UnknownName when the topic is not there."""
        try:
            # All topics are listed: asking for one could create it.
            found = self._consumer.list_topics(timeout=ANSWER_SECONDS).topics.get(topic)
            if found is None:
                remedy = "run 'goalstream topics apply', or " + nearest(topic, known)
                raise UnknownName(
                    "topic is not on the cluster", field="topic", value=topic, remedy=remedy
                )
            partitions = [TopicPartition(topic, number) for number in sorted(found.partitions)]
            for partition in partitions:
                partition.offset = OFFSET_BEGINNING
                if start is Start.END:
                    # Asked for now, so that no record written from here on is missed.
                    partition.offset = self._end(partition)
        except KafkaException as error:
            self._consumer.poll(0)
            raise self._troubles.unavailable(error) from error
        self._consumer.assign(partitions)

    def _end(self, partition: TopicPartition) -> int:
        """Offset behind the last record; a topic just made may need a moment for its leader."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return self._consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)[1]
            except KafkaException as error:
                if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                    raise
                self._consumer.poll(0.1)

    def batches(
        self, timeout: float | None, clock: Callable[[], float]
    ) -> Iterator[list[Received]]:
        """Batches of messages until none came for ``timeout`` seconds; for ever when None."""
        last = clock()
        while timeout is None or clock() - last < timeout:
            messages = self._consumer.consume(_BATCH, _POLL_SECONDS)
            received = [self._received(message) for message in messages]
            if received:
                yield received
                last = clock()

    def close(self) -> None:
        self._consumer.close()

    def _received(self, message: Any) -> Received:
        error: KafkaError | None = message.error()
        if error is not None:
            raise GoalstreamError(
                f"topic cannot be read: {error.str()}",
                field="topic",
                value=message.topic(),
                remedy="check the topic and this user's rights",
            )
        return Received(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            timestamp=message.timestamp()[1],
            key=message.key(),
            value=message.value(),
            headers=message.headers() or (),
        )
