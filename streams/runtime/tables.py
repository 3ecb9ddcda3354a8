"""The three Faust tables and direct access to their RocksDB partitions.

``table[key] = value`` costs 150 µs and takes the partition from the current event, so values are
written behind: in batches, by the checkpoint, to the changelog first and to RocksDB after that.
RocksDB runs without a write-ahead log, since the changelog is the truth: what a crash takes from
its memory, the stored changelog offset, written in the same batch, tells recovery to read again.

Values are stored as the changelogs have them, sealed. What is found damaged when it is read is told
to ``on_damage``: its database is set aside at the next start (``rocksdb_store``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rocksdict
from faust.types import TP

from streams.core.kernel.store import TABLES, Write
from streams.errors import StateError
from streams.runtime.rocksdb_store import is_damage
from streams.runtime.sealed import unseal

OFFSET_KEY = b"__faust\x00offset__"
"""Where Faust's store keeps the changelog offset that a partition includes."""
SLICE = 2_000
"""Values per RocksDB batch, after which other tasks get their turn."""
ROCKSDB_OPTIONS = {
    "write_buffer_size": 2 << 20,
    "max_write_buffer_number": 2,
    "block_cache_size": 4 << 20,
    "block_cache_compressed_size": 1 << 20,
    "max_open_files": 256,
}
"""Per table and partition: small, since hot values live in the engine's own cache."""


class TableSet:
    """The tables of one Faust app."""

    def __init__(self, app: Any, partitions: int) -> None:
        self._tables = {
            name: app.Table(
                name,
                partitions=partitions,
                options={**ROCKSDB_OPTIONS, "driver": "rocksdict"},
                key_type=bytes,
                value_type=bytes,
            )
            for name in TABLES
        }
        for table in self._tables.values():
            table.data.on_set_aside = self._set_aside
        self.on_set_aside: Callable[[str], None] = _ignore
        """Told the table of each database that was damaged and is rebuilt."""
        self.on_damage: Callable[[StateError], None] = _ignore
        """Told of each damage that is found while a database is in use; it is raised, too."""
        self._write_options: Any = (
            rocksdict.WriteOptions()
        )  # the stub has a method for the property
        self._write_options.disable_wal = True

    def changelog(self, table: str) -> str:
        """Kafka name of a table's changelog."""
        return self._tables[table].changelog_topic_name

    def by_changelog(self, topic: str) -> str | None:
        """Table whose changelog is ``topic``."""
        return next((name for name in TABLES if self.changelog(name) == topic), None)

    def database(self, table: str, partition: int) -> Any:
        """The open ``rocksdict.Rdict`` of a partition."""
        return self._tables[table].data._db_for_partition(partition)

    def _set_aside(self, table: str) -> None:
        self.on_set_aside(table)

    @contextmanager
    def _reading(self, table: str, partition: int) -> Generator[None]:
        """Damage that comes to light inside becomes a StateError, and the database is marked."""
        try:
            yield
        except Exception as error:
            if not _is_damage(error):
                raise
            self._tables[table].data.mark(partition, str(error))
            found = StateError(
                f"the local store is damaged: {getattr(error, 'message', error)}",
                field="worker.state_dir",
                value=f"table {table}, partition {partition}",
                remedy="restart the worker: the store is set aside and rebuilt from the changelog",
            )
            self.on_damage(found)
            raise found from error

    def reader(self, partition: int) -> PartitionReader:
        return PartitionReader(self, partition)

    async def write(
        self, table: str, partition: int, writes: Sequence[Write], changelog_offset: int
    ) -> None:
        """Store values that the changelog holds up to ``changelog_offset``.

        The offset goes into the last slice, so a store cut off in between is behind its
        changelog, never ahead of it.
        """
        for start in range(0, len(writes), SLICE):
            is_last = start + SLICE >= len(writes)
            part = writes[start : start + SLICE]
            self.store(table, partition, part, changelog_offset if is_last else None)
            await asyncio.sleep(0)

    def store(
        self,
        table: str,
        partition: int,
        writes: Iterable[tuple[bytes, bytes | None]],
        changelog_offset: int | None,
    ) -> None:
        """Write keys and values, None deletes, and the changelog offset (if any) as one batch."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in writes:
            if value is None:
                delete(key)
            else:
                put(key, value)
        if changelog_offset is not None:
            put(OFFSET_KEY, str(changelog_offset).encode())
        with self._reading(table, partition):
            self.database(table, partition).write(batch, self._write_options)

    def clear(self, table: str, partition: int) -> None:
        """Delete every value and the offset of a partition."""
        keys = [key for key, _ in self.scan(table, partition, b"")]
        for start in range(0, len(keys), SLICE):
            self.store(table, partition, ((key, None) for key in keys[start : start + SLICE]), None)
        self.store(table, partition, [(OFFSET_KEY, None)], None)

    def persisted_offset(self, table: str, partition: int) -> int:
        """Changelog offset that the stored partition includes; -1 for none. For recovery: a damaged
        database is set aside."""
        stored = self._tables[table].data.persisted_offset(TP(self.changelog(table), partition))
        return -1 if stored is None else stored

    def get_many(self, table: str, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order of ``keys``; None where nothing is stored. Raises StateError."""
        if not keys:
            return []
        with self._reading(table, partition):
            stored = self.database(table, partition).get(list(keys))
            return [
                None if value is None else unseal(table, key, value)
                for key, value in zip(keys, stored, strict=True)
            ]

    def scan(self, table: str, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Stored keys from ``start`` on in ascending order, with their values.

        Raises StateError for damage, also where RocksDB's iterator just ends.
        """
        with self._reading(table, partition):
            yield from self._scan(table, partition, start)

    def _scan(self, table: str, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        cursor = self.database(table, partition).iter()
        cursor.seek(start)
        while cursor.valid():
            key = cursor.key()
            if key != OFFSET_KEY:
                yield key, unseal(table, key, cursor.value())
            cursor.next()
        cursor.status()

    async def verify(self, table: str, partition: int) -> None:
        """Read every value; a damaged database is set aside at once, and its partition empty."""
        try:
            for index, _ in enumerate(self._scan(table, partition, b"")):
                if index % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
        except Exception as error:
            if not _is_damage(error):
                raise
            reason = str(error)
        else:
            return
        self._tables[table].data.renew(partition, reason)


class PartitionReader:
    """``StateReader`` over the tables of one partition."""

    def __init__(self, tables: TableSet, partition: int) -> None:
        self._tables = tables
        self._partition = partition

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return self._tables.get_many(table, self._partition, keys)


def _is_damage(error: Exception) -> bool:
    return isinstance(error, StateError) or is_damage(error)


def _ignore(_told: object) -> None:
    return
