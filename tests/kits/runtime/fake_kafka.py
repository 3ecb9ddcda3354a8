"""A broker and a disk in memory that can be cut off between any two things they keep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from streams.core.kernel.store import TABLES, Write
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.sealed import unseal
from streams.testing.feature_contract import MemoryStore

Key = bytes | None
Value = bytes | None


class Cut(Exception):
    """The process died here."""


class Metadata(NamedTuple):
    """What the broker answers to a batch."""

    offset: int


class Batch:
    """A producer's batch of at most ``room`` messages."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.entries: list[tuple[Key, Value]] = []
        self.closed = False

    def append(self, *, timestamp: int | None, key: Key, value: Value) -> object | None:
        if len(self.entries) == self._room or (value is not None and len(value) > 1_000_000):
            return None
        self.entries.append((key, value))
        return object()

    def close(self) -> None:
        self.closed = True


class FakeBroker:
    """Topics in memory; ``step`` is called before anything becomes durable."""

    def __init__(self, room: int = 3) -> None:
        self._room = room
        self.topics: dict[tuple[str, int], list[tuple[Key, Value]]] = {}
        self.step: Callable[[], None] = lambda: None

    def producer(self) -> FakeBroker:
        return self

    def create_batch(self) -> Batch:
        return Batch(self._room)

    async def send_batch(
        self, batch: Batch, topic: str, *, partition: int
    ) -> asyncio.Future[Metadata]:
        assert batch.closed
        self.step()
        log = self.topics.setdefault((topic, partition), [])
        future: asyncio.Future[Metadata] = asyncio.get_running_loop().create_future()
        future.set_result(Metadata(len(log)))
        log += batch.entries
        return future

    def messages(self, topic: str, partition: int = 0) -> list[tuple[Key, Value]]:
        return self.topics.get((topic, partition), [])


class MemoryTables:
    """The tables of a worker, each partition a dictionary with the offset that it includes."""

    def __init__(self, slice_: int = 2) -> None:
        self._slice = slice_
        self.stores: dict[int, MemoryStore] = {}
        self.offsets: dict[tuple[str, int], int] = {}
        self.step: Callable[[], None] = lambda: None

    def changelog(self, table: str) -> str:
        return f"{table}-changelog"

    def reader(self, partition: int) -> MemoryStore:
        return self.stores.setdefault(partition, MemoryStore())

    async def write(
        self, table: str, partition: int, writes: Sequence[Write], changelog_offset: int
    ) -> None:
        for start in range(0, len(writes), self._slice):
            self.step()
            self.reader(partition).write(
                table, _unsealed(table, writes[start : start + self._slice])
            )
        self.offsets[table, partition] = changelog_offset
        await asyncio.sleep(0)

    def scan(self, table: str, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        stored = self.reader(partition).tables[table]
        return iter(sorted((key, value) for key, value in stored.items() if key >= start))

    def recover(self, broker: FakeBroker, partition: int) -> MemoryStore:
        """What a worker finds after recovery: the stored part, then the changelog behind it."""
        store = MemoryStore()
        for table in TABLES:
            store.tables[table] = dict(self.reader(partition).tables[table])
            behind = self.offsets.get((table, partition), -1) + 1
            changes = broker.messages(self.changelog(table), partition)[behind:]
            writes = [Write(key or b"", value) for key, value in changes]
            store.write(table, _unsealed(table, writes))
        return store


def _unsealed(table: str, writes: Sequence[Write]) -> list[Write]:
    return [
        Write(key, None if value is None else unseal(table, key, value)) for key, value in writes
    ]


def worker_metrics() -> WorkerMetrics:
    return WorkerMetrics(CollectorRegistry())


def as_any(value: object) -> Any:
    """A fake in place of what it stands for."""
    return value
