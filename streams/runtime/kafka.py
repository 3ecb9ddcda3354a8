"""Kafka clients beside a worker: one reader, one sender, and what to say of a silent broker."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from streams.errors import ConfigError, GoalstreamError, Unavailable, UnknownName
from streams.records import Record
from streams.records.limits import require_limits
from streams.wire.encode import Encoder
from streams.wire.keys import key_of
from streams.wire.registry import Registry
from streams.wire.topology import RECORD_OF, Topology

_C = TypeVar("_C")

APPLY = "run 'goalstream topics apply'"
ANSWER_SECONDS = 5.0
"""How long a broker may take to say anything at all."""
DELIVERY_SECONDS = 30.0
"""How long a record may be on its way before it counts as failed."""
SILENCE_SECONDS = 30.0
"""How long a topic that is read to its end may give nothing."""

MAX_VALUE_BYTES = 16_000_000
"""For who reads all topics: dead letters are larger than the records that they hold."""

Headers = Sequence[tuple[str, bytes | None]]

_BATCH = 2_000
_POLL_SECONDS = 0.1
_NO_LEADER_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_KEYED = -1
"""In place of a partition: that of the key."""


def quiet_logger() -> logging.Logger:
    """For a client whose troubles are reported as errors: librdkafka's own lines are dropped."""
    logger = logging.Logger("librdkafka")
    logger.addHandler(logging.NullHandler())
    return logger


class Troubles:
    """Collects why a client has no connection; pass ``note`` as its ``error_cb``."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._reasons: dict[str, None] = {}

    def note(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._reasons[error.str().partition(" (")[0]] = None

    def unavailable(self, error: KafkaException | None = None) -> Unavailable:
        """The error for an operator, with the reasons that the client gave, else ``error``'s."""
        last = error.args[0].str() if error else "no answer in time"
        reasons = "; ".join(list(self._reasons)[:3]) or last
        return Unavailable(
            f"broker does not answer: {reasons}",
            field="kafka.bootstrap",
            value=self._bootstrap,
            remedy="start the broker, or correct kafka.bootstrap and the kafka.ssl_… and "
            "kafka.sasl_… settings",
        )


def opened(kind: Callable[..., _C], settings: Mapping[str, Any], troubles: Troubles) -> _C:
    """A client of librdkafka that is quiet but for its troubles. Raises ConfigError."""
    try:
        return kind({**settings, "error_cb": troubles.note}, logger=quiet_logger())
    except KafkaException as error:
        raise ConfigError(
            f"Kafka client refuses its settings: {error.args[0].str()}",
            remedy="correct the kafka section of the settings",
        ) from error


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    """A message in the form that the decoders take."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """When it was written, ms; 0 where that is not known."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Reader:
    """Reads partitions without a group and without committing; for one thread at a time.

    ``client``: settings of a librdkafka client. ``group``: whose rights are checked. ``reset``:
    where to go on when records are gone before they are read, ``earliest`` or ``error``. Every
    method raises Unavailable when the broker does not answer.
    """

    def __init__(self, client: Mapping[str, Any], group: str, *, reset: str = "earliest") -> None:
        self._troubles = Troubles(str(client["bootstrap.servers"]))
        self._ended: set[int] = set()
        settings: dict[str, Any] = {
            **client,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": reset,
            "fetch.wait.max.ms": 100,
        }
        self._consumer = opened(Consumer, settings, self._troubles)

    def bounds(self, topic: str, remedy: str) -> dict[int, tuple[int, int]]:
        """Partition -> offset of its oldest record, offset behind its newest.

        Raises UnknownName with ``remedy`` when the topic is not there.
        """
        try:
            # All topics are listed: asking for one could create it.
            found = self._consumer.list_topics(timeout=ANSWER_SECONDS).topics.get(topic)
            if found is None:
                raise UnknownName(
                    "topic is not on the cluster", field="topic", value=topic, remedy=remedy
                )
            return {
                number: self._watermarks(TopicPartition(topic, number))
                for number in sorted(found.partitions)
            }
        except KafkaException as error:
            self._consumer.poll(0)
            raise self._troubles.unavailable(error) from error

    def _watermarks(self, partition: TopicPartition) -> tuple[int, int]:
        """A topic just made may need a moment for its leader."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return self._consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)
            except KafkaException as error:
                if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                    raise
                self._consumer.poll(0.1)

    def assign(self, starts: Mapping[tuple[str, int], int]) -> None:
        """Read these partitions, (topic, number) -> offset, and no others."""
        self._ended.clear()
        self._consumer.assign([TopicPartition(*place, at) for place, at in starts.items()])

    def poll(self, seconds: float) -> list[Received]:
        """What comes within so many seconds; of each partition in the order of its offsets.

        Raises GoalstreamError when a topic cannot be read.
        """
        received: list[Received] = []
        for message in self._consumer.consume(_BATCH, seconds):
            error = message.error()
            if error is None:
                received.append(as_received(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ended.add(message.partition() or 0)
            else:
                raise GoalstreamError(
                    f"topic cannot be read: {error.str()}",
                    field="topic",
                    value=message.topic(),
                    remedy="check the topic and this user's rights",
                )
        return received

    def between(
        self, topic: str, bounds: Mapping[int, tuple[int, int]]
    ) -> Iterator[tuple[int, list[Received]]]:
        """(partition, messages) of one topic, of each partition all that is within its bounds."""
        left = {number for number, (begin, end) in bounds.items() if end > begin}
        self.assign({(topic, number): bounds[number][0] for number in sorted(left)})
        heard = time.monotonic()
        while left:
            received: dict[int, list[Received]] = {}
            for message in self.poll(_POLL_SECONDS):
                received.setdefault(message.partition, []).append(message)
            if received:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS:
                raise self._troubles.unavailable()
            for number in sorted(left & received.keys()):
                batch, end = received[number], bounds[number][1]
                if batch[-1].offset >= end - 1:
                    left.remove(number)
                yield number, [message for message in batch if message.offset < end]
            # Behind the last record there may be offsets without one.
            left -= self._ended

    def close(self) -> None:
        self._consumer.close()


def as_received(message: Message) -> Received:
    """A message that is no error."""
    kind, time_ms = message.timestamp()
    return Received(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=0 if kind == TIMESTAMP_NOT_AVAILABLE else time_ms,
        key=cast("bytes | None", message.key()),
        value=cast("bytes | None", message.value()),
        headers=cast("Headers | None", message.headers()) or (),
    )


# --- sending -------------------------------------------------------------------------------------


class Sender:
    """One producer for some logical topics; a key is put where the JVM clients put it."""

    def __init__(
        self,
        client: Mapping[str, Any],
        topology: Topology,
        registry: Registry,
        logical: Iterable[str],
    ) -> None:
        """``client``: settings of a librdkafka client. Raises ConfigError."""
        self._names = {each: topology.kafka_name(each) for each in logical}
        self._troubles = Troubles(str(client["bootstrap.servers"]))
        self._encoder = Encoder(
            registry, {name: RECORD_OF[each] for each, name in self._names.items()}
        )
        settings = {
            **client,
            # As in the JVM clients, so that every writer puts a key on the same partition.
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.timeout.ms": int(DELIVERY_SECONDS * 1000),
        }
        self._producer = opened(Producer, settings, self._troubles)
        self._partitions: dict[str, int] = {}
        self._arrived = self._failed = 0
        self._first_failure = ""
        self.sent: Counter[str] = Counter()
        """Records handed over, by logical topic; all delivered when ``finish`` returns."""

    def prepare(self) -> None:
        """Check broker, topics and schemas. Raises Unavailable or UnknownName."""
        for logical, name in self._names.items():
            try:
                found = self._producer.list_topics(name, timeout=ANSWER_SECONDS).topics[name]
            except KafkaException as error:
                self._producer.poll(0)
                raise self._troubles.unavailable(error) from error
            if found.error is not None:
                raise UnknownName(
                    f"topic cannot be used: {found.error.str()}",
                    field="topic",
                    value=name,
                    remedy=APPLY,
                )
            self._partitions[logical] = len(found.partitions)
        self._encoder.prepare()

    def encode(self, logical: str, record: Record) -> bytes:
        """The value of the message. Raises InvalidRecord, also for what a worker would refuse."""
        require_limits(record)
        return self._encoder.encode(record, self._names[logical])

    def send(self, logical: str, record: Record) -> None:
        """Hand over one record; waits while the queue is full. Raises InvalidRecord."""
        self.send_bytes(logical, key_of(record), self.encode(logical, record))
        self.sent[logical] += 1

    def broadcast(self, logical: str, record: Record) -> None:
        """Hand over one record to every partition, which ``prepare`` has counted."""
        key, value = key_of(record), self.encode(logical, record)
        for number in range(self._partitions[logical]):
            self.send_bytes(logical, key, value, number)
            self.sent[logical] += 1

    def send_bytes(
        self, logical: str, key: bytes | None, value: bytes | None, partition: int = _KEYED
    ) -> None:
        """Hand over a message that may be no record; it is not counted in ``sent``."""
        while True:
            try:
                self._producer.produce(
                    self._names[logical],
                    value,
                    key,
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
        """Wait for every delivery. Raises Unavailable when messages were not delivered."""
        # Every message fails by itself after DELIVERY_SECONDS, so the queue empties in time.
        left = self._producer.flush(DELIVERY_SECONDS + ANSWER_SECONDS)
        lost = left + self._failed
        if lost:
            raise Unavailable(
                f"{lost} records were not delivered, {self._arrived} were"
                + (f": {self._first_failure}" if self._first_failure else ""),
                field="topic",
                value=", ".join(self._names.values()),
                remedy="check the broker with 'goalstream doctor', then send the rest again",
            )

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._arrived += 1
            return
        self._failed += 1
        self._first_failure = self._first_failure or error.str()
