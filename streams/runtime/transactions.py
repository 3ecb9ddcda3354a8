"""One Kafka transaction a checkpoint: outputs, changelogs and source offsets, or none of them.

The consumer is aiokafka's and the transactional producer librdkafka's, so the two are tied by what
KIP-447 asks for: the offsets are sent with the generation and the member id that the worker had
when it was given its partitions. The broker refuses them from anybody else, and with them the
whole transaction. Everything here blocks and belongs into a thread.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import structlog
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from streams.errors import InvalidRecord, StateError, Unavailable
from streams.runtime.checkpoint import Fenced
from streams.runtime.kafka import ANSWER_SECONDS, Troubles, opened
from streams.runtime.outbox import Entry, Target
from streams.runtime.positions import Source

log = structlog.get_logger(__name__)

INSTANCE_FILE = "INSTANCE"
RETRY_BACKOFF_MS = 5
"""A commit waits for the one before it by asking again; librdkafka's 100 ms made it 123 ms long."""
GIVE_UP_SECONDS = 60.0
"""How long a transaction is tried again while Kafka does not take it."""
_POLL_SECONDS = 0.1

_NOT_A_MEMBER = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


class Membership(NamedTuple):
    """Who the group took this worker for when it gave it its partitions."""

    group: str
    generation: int
    member: str

    def metadata(self) -> bytes:
        """As librdkafka writes it, for ``send_offsets_to_transaction``."""
        names = b"".join(name.encode() + b"\0" for name in (self.group, self.member))
        return b"CGMDv2:" + struct.pack("<i", self.generation) + names + b"\x01"


def require_metadata_form(client: Mapping[str, Any], group: str) -> None:
    """Raise StateError when the installed librdkafka writes a membership in another form."""
    consumer = opened(Consumer, {**client, "group.id": group}, _troubles(client))
    try:
        written: object = consumer.consumer_group_metadata()
    finally:
        consumer.close()
    if written != Membership(group, -1, "").metadata():
        raise StateError(
            "the installed confluent-kafka writes group metadata in an unknown form",
            field="worker.guarantee",
            value=repr(written),
            remedy="install the pinned release: uv sync --frozen; or use at_least_once",
        )


def instance_of(directory: Path, new_id: Callable[[], str]) -> str:
    """The id of the worker that has this state directory, made when it has none yet.

    It outlives the process: what a killed one left open is ended when its successor starts.
    """
    file = directory / INSTANCE_FILE
    if file.exists() and (known := file.read_text(encoding="ascii").strip()):
        return known
    made = new_id()
    file.write_text(made + "\n", encoding="ascii")
    return made


def settle_offsets(
    client: Mapping[str, Any], group: str, sources: Collection[Source], seconds: float
) -> None:
    """Wait until no transaction is about to commit offsets of these source partitions.

    One that a lost worker left behind may still end either way. Raises Unavailable.
    """
    troubles = _troubles(client)
    asked = [TopicPartition(source.topic, source.partition) for source in sources]
    settings = {**client, "group.id": group, "isolation.level": "read_committed"}
    consumer = opened(Consumer, settings, troubles)
    deadline = time.monotonic() + seconds
    try:
        while asked:
            try:
                answers = consumer.committed(asked, timeout=ANSWER_SECONDS)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise troubles.unavailable(error) from error
                time.sleep(_POLL_SECONDS)
                continue
            asked = [TopicPartition(at.topic, at.partition) for at in answers if at.error]
            if asked and time.monotonic() > deadline:
                raise troubles.unavailable()
            if asked:
                time.sleep(_POLL_SECONDS)
    finally:
        consumer.close()


class Transactions:
    """The transactional producer of one worker; one transaction at a time."""

    def __init__(
        self, client: Mapping[str, Any], transactional_id: str, transaction_seconds: float
    ) -> None:
        """``client``: settings of a librdkafka client. ``transaction_seconds``: after which the
        broker aborts a transaction that its worker does not end."""
        self._transactional_id = transactional_id
        self._limit = transaction_seconds
        self._troubles = _troubles(client)
        self._settings: dict[str, Any] = {
            **client,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(transaction_seconds * 1000),
            "linger.ms": 0,
            "retry.backoff.ms": RETRY_BACKOFF_MS,
            "queue.buffering.max.messages": 1_000_000,
        }
        self._producer: Producer | None = None

    def open(self) -> None:
        """Connect, and end what a predecessor of this id left open. Raises Unavailable."""
        producer = opened(Producer, self._settings, self._troubles)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        try:
            self._insist(producer.init_transactions, deadline)
        except KafkaException as error:
            raise self._unavailable(error) from error
        self._producer = producer

    def close(self) -> None:
        """Forget the producer; a transaction that is open is aborted by whoever comes next."""
        self._producer = None

    def commit(
        self,
        messages: Mapping[Target, Sequence[Entry]],
        offsets: Mapping[Source, int],
        member: Membership,
    ) -> dict[Target, int]:
        """Write all of it or none; returns the last offset of each target.

        ``offsets`` must not be empty: they are what the group is asked about. Raises Fenced when
        the group counts ``member`` out, InvalidRecord for what no topic takes, StateError when
        another process has this worker's transactional id, Unavailable when Kafka does not take
        the transaction in time: whether it went through is unknown then.
        """
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            begun = time.monotonic()
            try:
                return self._attempt(messages, offsets, member, deadline)
            except InvalidRecord:
                self._recover(None, begun)
                raise
            except KafkaException as error:
                fault: KafkaError = error.args[0]
                self._recover(fault, begun)
                if fault.code() in _NOT_A_MEMBER:
                    raise Fenced from error
                if time.monotonic() > deadline:
                    raise self._unavailable(error) from error
                log.warning("a transaction was aborted and is tried again", reason=fault.str())
                time.sleep(_POLL_SECONDS)

    def _attempt(
        self,
        messages: Mapping[Target, Sequence[Entry]],
        offsets: Mapping[Source, int],
        member: Membership,
        deadline: float,
    ) -> dict[Target, int]:
        producer = self._producer
        if producer is None:
            raise StateError("the transactional producer is closed", remedy="restart the worker")
        producer.begin_transaction()
        last = self._write(producer, messages, deadline)
        self._ask_group(producer, offsets, member, deadline)
        self._insist(producer.commit_transaction, deadline)
        return last

    def _write(
        self, producer: Producer, messages: Mapping[Target, Sequence[Entry]], deadline: float
    ) -> dict[Target, int]:
        """All messages are in their logs when this returns.

        So whoever has the partitions next sees them below the ends of the logs, and waits for how
        this transaction ends.
        """
        last: dict[Target, int] = {}
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failed.append(error)
            else:
                last[message.topic() or "", message.partition() or 0] = message.offset() or 0

        for target, entries in messages.items():
            for entry in entries[:-1]:
                _produce(producer, target, entry)
            for entry in entries[-1:]:
                _produce(producer, target, entry, delivered)
        left = producer.flush(max(_POLL_SECONDS, deadline - time.monotonic()))
        if left and not failed:
            failed.append(KafkaError(KafkaError._TIMED_OUT, f"{left} records are not written"))
        if failed:
            raise KafkaException(failed[0])
        return last

    def _ask_group(
        self,
        producer: Producer,
        offsets: Mapping[Source, int],
        member: Membership,
        deadline: float,
    ) -> None:
        places = [TopicPartition(*source, at) for source, at in offsets.items()]
        who = member.metadata()
        self._insist(lambda left: producer.send_offsets_to_transaction(places, who, left), deadline)

    def _insist(self, step: Callable[[float], object], deadline: float) -> None:
        """Call again what may be called again, as long as there is time."""
        while True:
            try:
                step(max(_POLL_SECONDS, min(ANSWER_SECONDS, deadline - time.monotonic())))
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
            else:
                return

    def _recover(self, fault: KafkaError | None, begun: float) -> None:
        """Back to where another transaction can begin: by an abort, or with a new producer."""
        producer, deadline = self._producer, time.monotonic() + GIVE_UP_SECONDS
        if producer is None:
            return
        if fault is None or not fault.fatal():
            try:
                self._insist(producer.abort_transaction, deadline)
            except KafkaException as error:
                fault = cast(KafkaError, error.args[0])
            else:
                return
        self._producer = None
        if fault.code() == KafkaError._FENCED and time.monotonic() - begun < self._limit:
            # Too early for the broker to have ended it: it was somebody else.
            raise StateError(
                "another process uses the transactional id of this worker",
                field="worker.state_dir",
                value=self._transactional_id,
                remedy=f"give each worker a state directory of its own: a copied one has the same "
                f"{INSTANCE_FILE}",
            )
        log.warning("the transactional producer begins anew", reason=fault.str())
        self.open()

    def _unavailable(self, error: KafkaException) -> Unavailable:
        reason = error.args[0].str()
        return Unavailable(
            f"a transaction could not be committed: {reason}",
            field="kafka.bootstrap",
            value=self._settings["bootstrap.servers"],
            remedy="check the broker, its transaction log and this user's rights to the "
            "transactional id, then restart the worker",
        )


def _produce(
    producer: Producer,
    target: Target,
    entry: Entry,
    delivered: Callable[[KafkaError | None, Message], None] | None = None,
) -> None:
    """Hand over one message; waits while the queue is full."""
    key, value = entry
    while True:
        try:
            producer.produce(target[0], value, key, target[1], delivered)
        except BufferError:
            producer.poll(_POLL_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise
            raise InvalidRecord(
                "a record is larger than a message may be",
                field=target[0],
                value=f"{len(value or b'')} bytes",
                remedy="lower the limits on kept goals, outcomes and output sizes",
            ) from error
        else:
            return


def _troubles(client: Mapping[str, Any]) -> Troubles:
    return Troubles(str(client["bootstrap.servers"]))
