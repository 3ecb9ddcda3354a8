"""Makes state durable, then commits: outputs, changelog, RocksDB, offsets, in this order.

Whatever a crash cuts off, the committed offset is never ahead of stored state, and every stored
value knows which records it includes; so the records in between are read again and each value
takes in only those that it lacks.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from streams.core.kernel.store import TABLES
from streams.core.partition import Partition, Snapshot
from streams.errors import Unavailable
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.outbox import Outbox
from streams.runtime.positions import CommitPositions, Source
from streams.runtime.sealed import sealed
from streams.runtime.tables import TableSet


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


class Checkpointer:
    """One checkpoint at a time over all partitions of a worker."""

    def __init__(
        self,
        tables: TableSet,
        outbox: Outbox,
        commit: Commit,
        topic_name: Callable[[str], str],
        limits: Limits,
        metrics: WorkerMetrics,
    ) -> None:
        self._tables = tables
        self._outbox = outbox
        self._commit = commit
        self._topic_name = topic_name
        self._limits = limits
        self._metrics = metrics
        self.positions = CommitPositions()
        self.owns: Callable[[], Awaitable[bool]] = _always
        """Whether the group still counts this worker as the owner of its partitions. A process
        that stood still may have been given up long ago, and what it would write to a changelog
        now would stand above its successor's newer values."""
        self.completed = 0
        """Checkpoints that went through."""
        self._begun = 0

    async def run(self, partitions: Mapping[int, Partition], *, everything: bool) -> bool:
        """Store what changed and commit; True when there was anything to do.

        ``everything`` ignores the byte budget: for hand-over and stop. Raises Unavailable when
        Kafka does not take it; the caller must then end the process. Raises Fenced when the
        partitions are another worker's; the caller must then forget them. Not reentrant.
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
        budget = None if everything else self._limits.model_bytes // max(1, len(partitions))
        taken = {number: sealed(part.snapshot(budget)) for number, part in partitions.items()}
        ticket = self.positions.open(self._sources(taken))
        written = await self._store(taken)
        positions = self.positions.close(ticket)
        if positions and await self._commit(positions):
            self.positions.committed(positions)
        self.completed += 1
        self.trim(partitions, len(partitions))
        if written or positions:
            self._metrics.checkpoint_seconds.observe(time.perf_counter() - started)
        return bool(written or positions)

    def forget(self) -> None:
        """The partitions were taken away, and what was taken of them but not stored with them."""
        self.positions.revoke()
        self._outbox.discard(self._tables.changelog(table) for table in TABLES)
        self._begun = self.completed

    async def _require_ownership(self) -> None:
        if not await self.owns():
            raise Fenced

    @property
    def _is_cut_off(self) -> bool:
        """Whether what a checkpoint took never reached the store: it is in memory alone."""
        return self._begun > self.completed

    def _sources(self, taken: Mapping[int, Snapshot]) -> dict[Source, int]:
        return {
            Source(self._topic_name(source), number): offset
            for number, snapshot in taken.items()
            for source, offset in snapshot.positions.items()
        }

    async def _store(self, taken: Mapping[int, Snapshot]) -> int:
        """Outputs, then each table's changelog, then RocksDB; returns how many values."""
        await self._outbox.flush()
        last: dict[tuple[str, int], int] = {}
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
        for table in TABLES:
            topic = self._tables.changelog(table)
            for number, snapshot in taken.items():
                writes = snapshot.writes[table]
                if writes:
                    await self._tables.write(table, number, writes, last[topic, number])
        return total

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


async def _always() -> bool:
    return True
