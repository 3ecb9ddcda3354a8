"""Makes state durable, then commits: outputs, changelog, RocksDB, offsets, in this order.

Whatever a crash cuts off, the committed offset is never ahead of stored state, and every stored
value knows which records it includes; so the records in between are read again and each value
takes in only those that it lacks.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from streams.core.kernel.store import TABLES
from streams.core.partition import Partition, Snapshot
from streams.errors import Unavailable
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Outbox, Target
from streams.runtime.positions import CommitPositions, Source, Ticket
from streams.runtime.sealed import sealed
from streams.runtime.tables import TableSet
from streams.wire.topology import INPUTS


class Limits(NamedTuple):
    """Bounds of one checkpoint and of the caches that it trims."""

    model_bytes: int
    """Model state written per checkpoint; the rest waits, longest unsaved first."""
    series: int
    entities: int


class Fenced(Exception):
    """The group has given the partitions to another worker: nothing may be stored any more."""


class Commit(Protocol):
    def __call__(self, positions: Mapping[Source, int], /) -> Awaitable[bool]: ...


class Checkpointer(ABC):
    """One checkpoint at a time over all partitions of a worker."""

    def __init__(
        self,
        tables: TableSet,
        topic_name: Callable[[str], str],
        limits: Limits,
        metrics: WorkerMetrics,
    ) -> None:
        self._tables = tables
        self._topic_name = topic_name
        self._limits = limits
        self._metrics = metrics
        self.positions = CommitPositions()
        self.settled: Callable[[Source, int], int | None] = _unsettled
        """Offset up to which nothing is left to apply, given that of the last record that was:
        behind it there may be offsets without a record. None while records are on their way."""
        self.writing = asyncio.Lock()
        """Held while batches have to wait for a checkpoint."""
        self.completed = 0
        """Checkpoints that went through."""
        self._begun = 0

    async def run(
        self, partitions: Mapping[int, Partition], *, everything: bool, models: bool = True
    ) -> bool:
        """Store what changed and commit; True when there was anything to do.

        ``everything`` ignores the byte budget: for hand-over and stop; without ``models`` none is
        stored. Raises Unavailable when Kafka does not take it; the caller must then end the
        process. Raises Fenced when the partitions are another worker's; the caller must then
        forget them. Not reentrant.
        """
        if partitions:
            await self._require_ownership()
        if self._is_cut_off:
            raise Unavailable(
                "an earlier checkpoint was cut off, and with it what it had taken to store",
                remedy="restart the worker; nothing was committed",
            )
        self._begun += 1
        started = time.perf_counter()
        budget = None if everything else self._budget(len(partitions)) if models else 0
        taken = {number: sealed(part.snapshot(budget)) for number, part in partitions.items()}
        ticket = self.positions.open(self._sources(partitions, taken))
        did = await self._save(taken, ticket)
        self.completed += 1
        self.trim(partitions, len(partitions))
        if did:
            self._metrics.checkpoint_seconds.observe(time.perf_counter() - started)
        return did

    @abstractmethod
    async def _save(self, taken: Mapping[int, Snapshot], ticket: Ticket) -> bool:
        """Make durable what was taken, and commit; whether there was anything to do.

        What it takes beside ``taken`` it takes before it first awaits.
        """

    @abstractmethod
    async def _require_ownership(self) -> None:
        """Raise Fenced when it is known that the partitions are another worker's."""

    def forget(self) -> None:
        """The partitions were taken away, and what was taken of them but not stored with them."""
        self.positions.revoke()
        self._begun = self.completed

    @property
    def _is_cut_off(self) -> bool:
        """Whether what a checkpoint took never reached the store: it is in memory alone."""
        return self._begun > self.completed

    def _budget(self, partitions: int) -> int:
        return self._limits.model_bytes // max(1, partitions)

    def _sources(
        self, partitions: Mapping[int, Partition], taken: Mapping[int, Snapshot]
    ) -> dict[Source, int]:
        """Where reading may resume, also past offsets that hold no record."""
        found: dict[Source, int] = {}
        for number, snapshot in taken.items():
            for logical in INPUTS:
                source = Source(self._topic_name(logical), number)
                applied = partitions[number].applied(logical)
                position = snapshot.positions.get(logical)
                if position in (None, applied + 1):
                    position = self.settled(source, applied) or position
                if position is not None:
                    found[source] = position
        return found

    async def _write_tables(
        self, taken: Mapping[int, Snapshot], last: Mapping[Target, int]
    ) -> None:
        for table in TABLES:
            topic = self._tables.changelog(table)
            for number, snapshot in taken.items():
                writes = snapshot.writes[table]
                if writes:
                    await self._tables.write(table, number, writes, last[topic, number])

    def resident_limit(self, partitions: int) -> int:
        """Series that one of ``partitions`` may hold before it must be trimmed."""
        return self._limits.series // max(1, partitions)

    def trim(self, partitions: Mapping[int, Partition], total: int) -> None:
        """Bound the caches of ``partitions``, some of ``total``; no checkpoint may be running."""
        if self._is_cut_off:
            return
        entities = self._limits.entities // max(1, total)
        limit = self.resident_limit(total)
        for part in partitions.values():
            # Trimming to well below the limit keeps the next batch from asking for it again.
            part.evict(limit * 9 // 10 if part.resident > limit else limit, entities)


class AtLeastOnce(Checkpointer):
    """Outputs leave when they come up; the offsets are committed when all the rest is durable."""

    def __init__(
        self,
        tables: TableSet,
        outbox: Outbox,
        commit: Commit,
        topic_name: Callable[[str], str],
        limits: Limits,
        metrics: WorkerMetrics,
    ) -> None:
        super().__init__(tables, topic_name, limits, metrics)
        self._outbox = outbox
        self._commit = commit
        self.owns: Callable[[], Awaitable[bool]] = _always
        """Whether the group still counts this worker as the owner of its partitions. A process
        that stood still may have been given up long ago, and what it would write to a changelog
        now would stand above its successor's newer values."""

    async def _save(self, taken: Mapping[int, Snapshot], ticket: Ticket) -> bool:
        async with self.writing:
            written = await self._store(taken)
            positions = self.positions.close(ticket)
            if positions and await self._commit(positions):
                self.positions.committed(positions)
        return bool(written or positions)

    def forget(self) -> None:
        super().forget()
        self._outbox.discard(self._tables.changelog(table) for table in TABLES)

    async def _require_ownership(self) -> None:
        if not await self.owns():
            raise Fenced

    async def _store(self, taken: Mapping[int, Snapshot]) -> int:
        """Outputs, then each table's changelog, then RocksDB; returns how many values."""
        await self._outbox.flush()
        last: dict[Target, int] = {}
        total = 0
        for table in TABLES:
            # One flush a table keeps the order that Snapshot asks for, whatever a crash cuts off.
            topic = self._tables.changelog(table)
            count = sum(len(snapshot.writes[table]) for snapshot in taken.values())
            if count:
                await self._require_ownership()
                for number, snapshot in taken.items():
                    self._outbox.extend(topic, number, snapshot.writes[table])
                last |= await self._outbox.flush()
                self._metrics.checkpoint_records.labels(table).inc(count)
                total += count
        await self._write_tables(taken, last)
        return total


async def _always() -> bool:
    return True


def _unsettled(_source: Source, _applied: int) -> int | None:
    return None
