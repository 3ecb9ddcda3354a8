"""Restores tables from their changelogs in batches, inside Faust's recovery.

Faust reads a changelog record by record through its streams. Here a consumer of its own reads
tens of thousands of records a second straight into RocksDB batches, up to the end that Faust has
just determined, after which Faust finds nothing left to do.

A value that fails its checksum is not stored, and nothing newer is taken for it: unless a later
record replaces it, the restore ends with an error after everything else is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from streams.core.kernel.store import ENTITIES
from streams.errors import Stalled
from streams.runtime.flawed import Flawed, all_damaged, flaw_of
from streams.runtime.kafka import as_received
from streams.runtime.logs import FAUST_LOGGER
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.tables import TableSet

log = structlog.get_logger(__name__)

POLL_RECORDS = 10_000
POLL_SECONDS = 0.5
STALL_SECONDS = 60.0


class ChangelogReader:
    """Copies changelog partitions into their tables."""

    def __init__(
        self,
        tables: TableSet,
        client: Mapping[str, Any],
        metrics: WorkerMetrics,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._tables = tables
        self._client = dict(client)
        self._metrics = metrics
        self._stall_seconds = stall_seconds
        self.restored = 0
        """Records applied since the last start, for the progress that readiness reports."""
        self.expected = 0
        """Records that the running or last restore had to apply, by offsets."""
        self.active = False
        self.report: Callable[[Sequence[Flawed]], Awaitable[None]] = _unreported
        """Told of damaged values before the restore fails."""
        self._flawed: dict[tuple[TP, bytes], Flawed] = {}
        self.rebuilds = False
        """Whether a table ahead of its changelog is worth less than the changelog: it is where
        tables are written after what they hold was committed."""

    async def restore(self, from_: Mapping[TP, int], ends: Mapping[TP, int]) -> None:
        """Apply records after ``from_`` up to and including ``ends``, per changelog partition.

        It waits for the end of a transaction that a lost worker left there. Raises Stalled when
        nothing arrives for a while, StateError when values are damaged.
        """
        behind = {tp: from_[tp] for tp in from_ if ends.get(tp, -1) > from_[tp]}
        if not behind:
            return
        started = time.monotonic()
        self._flawed.clear()
        self.restored, self.expected = 0, sum(ends[tp] - at for tp, at in behind.items())
        log.info("restoring tables", records=self.expected)
        consumer = Consumer(
            {
                **self._client,
                "group.id": "goalstream-recovery-reads-without-a-group",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 16384,
            }
        )
        self.active = True
        try:
            consumer.assign(
                [TopicPartition(tp.topic, tp.partition, at + 1) for tp, at in behind.items()]
            )
            await self._read(consumer, {tp: ends[tp] for tp in behind})
        finally:
            self.active = False
            await asyncio.to_thread(consumer.close)
        if self._flawed:
            flawed = list(self._flawed.values())
            await self.report(flawed)
            raise all_damaged(flawed)
        seconds = time.monotonic() - started
        self._metrics.recovery_seconds.set(seconds)
        log.info("tables restored", records=self.restored, seconds=round(seconds, 3))

    async def held(self, tp: TP) -> int:
        """Changelog offset that the table of a changelog partition holds, -1 for none.

        Every entity stored here is looked at, as timers do soon: damage shows before it is used.
        """
        table = self._tables.by_changelog(tp.topic)
        if table is None:
            return -1
        if table == ENTITIES:
            await self._tables.verify(ENTITIES, tp.partition)
        return self._tables.persisted_offset(table, tp.partition)

    async def _read(self, consumer: Consumer, open_: dict[TP, int]) -> None:
        heard = time.monotonic()
        while open_:
            messages = await asyncio.to_thread(consumer.consume, POLL_RECORDS, POLL_SECONDS)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > self._stall_seconds:
                raise Stalled(
                    f"changelogs give no records for {self._stall_seconds:.0f} s",
                    field="topics",
                    value=sorted({tp.topic for tp in open_}),
                    remedy="check the broker and the retention of these topics, then restart",
                )
            for tp, read in self._apply(messages).items():
                # What can be read may end before the log does, while a transaction is open.
                if read > open_.get(tp, read):
                    self._finish(tp, open_.pop(tp))

    def discard(self, tp: TP) -> None:
        """Empty the table of a changelog partition, which is then restored from the beginning."""
        table = self._tables.by_changelog(tp.topic)
        if table is not None:
            log.warning("a table is ahead of its changelog and is restored", **tp._asdict())
            self._tables.clear(table, tp.partition)

    def _finish(self, tp: TP, end: int) -> None:
        table = self._tables.by_changelog(tp.topic)
        if table is not None and not self._holds_back(tp):
            self._tables.store(table, tp.partition, (), end)

    def _apply(self, messages: list[Message]) -> dict[TP, int]:
        """Write one poll's records; returns where partitions have been read to their end."""
        ended: dict[TP, int] = {}
        batches: dict[TP, list[Message]] = {}
        for message in messages:
            tp = TP(cast(str, message.topic()), cast(int, message.partition()))
            error = message.error()
            if error is None:
                batches.setdefault(tp, []).append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended[tp] = cast(int, message.offset())
            elif error.fatal():
                raise Stalled(f"changelog cannot be read: {error}", remedy="check the broker")
        for tp, part in batches.items():
            self._write(tp, part)
        count = sum(map(len, batches.values()))
        self.restored += count
        self._metrics.recovery_records.inc(count)
        return ended

    def _write(self, tp: TP, messages: list[Message]) -> None:
        table = self._tables.by_changelog(tp.topic)
        if table is None:
            return
        writes = [
            (cast(bytes, message.key()), message.value())
            for message in messages
            if self._is_whole(tp, table, message)
        ]
        offset = None if self._holds_back(tp) else messages[-1].offset()
        self._tables.store(table, tp.partition, writes, offset)

    def _holds_back(self, tp: TP) -> bool:
        """Whether an offset would say that the store holds a value that is damaged."""
        return any(at == tp for at, _ in self._flawed)

    def _is_whole(self, tp: TP, table: str, message: Message) -> bool:
        place = tp, cast(bytes, message.key())
        flawed = flaw_of(table, as_received(message))
        if flawed is None:
            self._flawed.pop(place, None)
            return True
        self._flawed[place] = flawed
        return False


async def _unreported(_flawed: Sequence[Flawed]) -> None:
    return


class BatchRecovery(Recovery):
    """Faust's recovery with the reading done by a ``ChangelogReader``."""

    logger = FAUST_LOGGER

    changelogs: ChangelogReader

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        # Faust bounds each step by a request timeout; restoring may take longer and has its own
        # watch over progress.
        await super()._wait(coro)

    async def _build_offsets(
        self, consumer: Any, tps: set[TP], destination: Any, title: str
    ) -> None:
        if title == "active":
            for tp in tps:  # Faust has read it before; the table may have been set aside since
                destination[tp] = await self.changelogs.held(tp)
        await super()._build_offsets(consumer, tps, destination, title)
        if title != "active":
            return
        ends = {tp: cast(int, self.active_highwaters[tp]) for tp in tps}
        if self.changelogs.rebuilds:
            for tp in (tp for tp in tps if destination[tp] > ends[tp]):
                self.changelogs.discard(tp)
                destination[tp] = -1
        await self.changelogs.restore({tp: destination[tp] for tp in tps}, ends)
        for tp, end in ends.items():
            destination[tp] = max(destination[tp], end)


class BatchTableManager(TableManager):
    """Uses ``BatchRecovery`` with the app's ``changelogs``."""

    logger = FAUST_LOGGER

    @property
    def recovery(self) -> BatchRecovery:
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
            self._recovery.changelogs = cast(Any, self.app).changelogs
        return cast(BatchRecovery, self._recovery)
