"""Faust's Kafka transport, delivering one batch per partition instead of one record at a time.

Faust gives an agent one event per turn of its loop, which costs some 50 µs; one *batch* per turn
costs the same. Subclasses only, no patches; ``verify_faust`` checks at start that everything
overridden here still exists in the installed release.

Two rules keep every record when partitions move (docs/decisions/batch-engine.md tells how each
was found): fetching and seeking exclude each other, and a seek begins a new *epoch*, so that what
was fetched before it is dropped and read again instead of being taken for progress.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from streams.errors import StateError
from streams.runtime.logs import FAUST_LOGGER
from streams.runtime.transactions import Membership

FETCH_WAIT_MS = 50
"""Longest wait of a fetch at the broker. aiokafka has one fetch in flight per broker, so an idle
partition delays a busy one by this much (Faust hard-codes 1500)."""
FETCH_SECONDS = 0.2
"""Longest wait of one poll: a seek has to wait for it."""
IDLE_SECONDS = 1.0
ASK_AGAIN_SECONDS = 0.2


class RawBatch(NamedTuple):
    """Records of one partition as they were fetched, in offset order, never empty."""

    records: list[Any]
    """``aiokafka.ConsumerRecord``."""
    epoch: int


class BatchThread(driver.AIOKafkaConsumerThread):
    """Consumer thread with a short fetch wait."""

    logger = FAUST_LOGGER

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"
        return consumer

    def highwater(self, tp: TP) -> int:
        """Offset behind the last record that can be read: what a transaction may still abort, and
        all behind it, cannot."""
        consumer = self._ensure_consumer()
        stable = cast("int | None", consumer.last_stable_offset(tp))
        return cast(int, consumer.highwater(tp) if stable is None or stable < 0 else stable)

    def positions(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Offset that is fetched next, of the partitions that have one. No fetch may be running:
        the consumer lives in another thread."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(cast(Any, tp)) for tp in tps}
        return {
            tp: state.position
            for tp, state in states.items()
            if state is not None and state.has_valid_position
        }

    def membership(self, generation: int) -> Membership | None:
        """Who this member is in a generation; None when the group has moved on."""
        coordinator = cast(GroupCoordinator, self._ensure_consumer()._coordinator)
        member = Membership(coordinator.group_id, coordinator.generation, coordinator.member_id)
        return member if member.generation == generation > 0 else None

    @property
    def is_known(self) -> bool:
        """Whether the group has a place for this worker; not when its coordinator has been silent
        for the session timeout."""
        consumer = self._consumer
        if consumer is None:
            return False
        coordinator = cast(GroupCoordinator, consumer._coordinator)
        return coordinator.generation >= 0 and coordinator.coordinator_id is not None

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Says nothing: an idle topic is a slow stream to Faust. What is work and does not go on
        is noticed by the watchdog."""

    def verify_recovery_event_path(self, now: float, tp: TP) -> None:
        """Says nothing, for the same reason."""

    async def is_member(self) -> bool | None:
        """What the group's coordinator says to a heartbeat; None when it says nothing."""
        return await self.call_thread(self._beat)

    async def _beat(self) -> bool | None:
        coordinator = cast(GroupCoordinator, self._ensure_consumer()._coordinator)
        if await coordinator._do_heartbeat():
            return True
        # A refused member forgets its generation; without an answer it keeps it.
        return False if coordinator.generation < 0 else None


class BatchConsumer(driver.Consumer):
    """Delivers slices of partitions and leaves commits to the checkpoint."""

    logger = FAUST_LOGGER

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epoch = 0
        self.member: Membership | None = None
        """Who this worker was in the group when it was given its partitions."""
        self._fetched: dict[TP, int] = {}
        """Offset of the last record that was fetched since the seek."""
        self._reached: dict[TP, int] = {}
        """Offset that is fetched next."""
        self.batch_records: int = self.app.conf.broker_max_poll_records
        self.before_revoke: Callable[[], Awaitable[None]] = _nothing
        """Awaited when partitions are taken away, while they can still be committed."""
        self.ends: Callable[..., Awaitable[Mapping[TP, int]]] = super().highwaters
        """Ends of the logs, whatever of them can be read yet."""
        self.before_seek: Callable[[set[TP]], Awaitable[None]] = _nothing_of
        """Awaited before the committed offsets of these partitions are asked for."""
        self.after_seek: Callable[[Mapping[TP, int]], Awaitable[None]] = _no_seek
        """Awaited when all partitions stand at their committed offsets, which it is given."""
        self._confirmed = -math.inf
        self._fetching = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def _consumer_thread(self) -> BatchThread:
        return cast(BatchThread, self._thread)

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    # -- fetching -----------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await asyncio.sleep(0)
                fetched = await self._fetch()
                if fetched is not None:
                    await self._deliver(*fetched)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _fetch(self) -> tuple[Mapping[TP, list[Any]], int, int] | None:
        """Records by partition, the epoch and the generation that they belong to."""
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        async with self._fetching:
            # Read inside the lock: a seek that came first has already begun its epoch.
            epoch, generation = self.epoch, self.app.consumer_generation_id
            active = set(self._get_active_partitions())
            if active and self.flow_active:
                records = await self._getmany(active_partitions=active, timeout=FETCH_SECONDS)
                if epoch == self.epoch:
                    self._fetched |= {tp: part[-1].offset for tp, part in records.items()}
                    self._reached |= self._consumer_thread.positions(active)
                return records, epoch, generation
        await self._idle()
        return None

    async def _idle(self) -> None:
        """Wait until a partition can be read again instead of for a whole second."""
        self._wake.clear()
        if not self._get_active_partitions():
            await self.wait_first(self._wake.wait(), timeout=IDLE_SECONDS)

    def on_buffer_drop(self, tp: TP) -> None:
        super().on_buffer_drop(tp)
        self._wake.set()

    def resume_partitions(self, tps: Any) -> None:
        super().resume_partitions(tps)
        self._wake.set()

    async def _deliver(self, records: Mapping[TP, list[Any]], epoch: int, generation: int) -> None:
        for tp in records:
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        for tp, part in self._slices(records):
            current = self.flow_active and epoch == self.epoch
            if self.should_stop or not current or generation != self.app.consumer_generation_id:
                return
            messages = (
                [self._batch_message(tp, part, epoch, generation)]
                if self.app.topics.acks_enabled_for(tp.topic)
                else [self._to_message(tp, record) for record in part]
            )
            for message in messages:
                await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def _slices(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, list[Any]]]:
        """Slices of bounded size, one partition after the other, so that none starves."""
        size = self.batch_records
        longest = max((len(part) for part in records.values()), default=0)
        for start in range(0, longest, size):
            for tp, part in records.items():
                if start < len(part):
                    yield tp, part[start : start + size]

    def _batch_message(
        self, tp: TP, part: list[Any], epoch: int, generation: int
    ) -> ConsumerMessage:
        last = part[-1]
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            cast(Any, RawBatch(part, epoch)),
            None,
            None,
            None,
            tp,
            generation_id=generation,
        )

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        # What a transaction may still abort is part of what has to be read before work begins.
        return await self.ends(*partitions)

    def settled(self, tp: TP, applied: int) -> int | None:
        """Offset up to which nothing is left to apply when the record at ``applied`` was the last.

        It passes what is no record: the marks of transactions, what they aborted, what compaction
        removed. None while records are on their way.
        """
        return self._reached.get(tp) if self._fetched.get(tp, -1) <= applied else None

    async def perform_seek(self) -> None:
        async with self._fetching:
            self.epoch += 1
            self._fetched.clear()
            self._reached.clear()
            self._committed_offset.clear()
            await self.before_seek(self.assignment())
            await super().perform_seek()
            committed = {tp: at for tp, at in self._committed_offset.items() if at is not None}
            await self.after_seek(committed)

    # -- acknowledging and committing ---------------------------------------------------------

    def ack(self, message: Message) -> bool:
        """The batch has been applied. Its offset is committed by a checkpoint, not by this."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust's own commits do nothing: only a checkpoint knows what is durable."""
        return False

    @property
    def is_known(self) -> bool:
        """Whether the group counts this worker in, as far as it has said lately."""
        return cast(BatchThread, self._thread).is_known

    async def commit_positions(self, positions: Mapping[TP, int]) -> bool:
        """Commit offsets whose effects are durable; False when the group has moved on."""
        return await self._commit_offsets(positions)

    async def owns(self) -> bool:
        """Whether the group still counts this worker in; waits while it cannot be asked.

        An answer holds for a part of the session timeout: before that is over the group gives
        the partitions to nobody else.
        """
        thread = self._consumer_thread
        session: float = self.app.conf.broker_session_timeout
        while time.monotonic() - self._confirmed > session / 3:
            asked = time.monotonic()
            member = await thread.is_member()
            if member is False:
                return False
            if member:
                self._confirmed = asked
            else:
                await asyncio.sleep(ASK_AGAIN_SECONDS)
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Before super(): stock code forgets positions first. The new epoch drops what is fetched
        # or queued and not applied yet.
        self.stop_flow()
        self.epoch += 1
        self.app.flow_control.suspend()
        await self.before_revoke()
        self.member = None
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        # Now and not when it is used: what a worker knows holds for the generation in which it
        # was given its partitions, and a later one may have given them to somebody meanwhile.
        self.member = self._consumer_thread.membership(generation_id)
        await super().on_partitions_assigned(assigned, generation_id)


class BatchTransport(driver.Transport):
    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer


async def _nothing() -> None:
    return


async def _nothing_of(_partitions: set[TP]) -> None:
    return


async def _no_seek(_committed: Mapping[TP, int]) -> None:
    return


_OVERRIDDEN: dict[type, tuple[str, ...]] = {
    driver.AIOKafkaConsumerThread: (
        "verify_event_path",
        "verify_recovery_event_path",
        "_create_worker_consumer",
        "highwater",
    ),
    driver.Consumer: (
        "_new_consumer_thread",
        "_drain_messages",
        "_getmany",
        "_get_active_partitions",
        "_to_message",
        "_commit_offsets",
        "perform_seek",
        "on_buffer_drop",
        "resume_partitions",
        "ack",
        "commit",
        "on_partitions_revoked",
        "on_partitions_assigned",
        "wait_first",
        "highwater",
        "highwaters",
    ),
    driver.Transport: ("create_consumer",),
    GroupCoordinator: ("_do_heartbeat",),
    AIOKafkaConsumer: ("highwater", "last_stable_offset"),
    TopicPartitionState: ("has_valid_position", "position"),
}


def verify_faust() -> None:
    """Raise when the installed Faust lacks a name that this module overrides or calls."""
    for owner, names in _OVERRIDDEN.items():
        for name in names:
            if not hasattr(owner, name):
                raise StateError(
                    f"the installed faust-streaming has no {owner.__name__}.{name}",
                    remedy="install the pinned release: uv sync --frozen",
                )
