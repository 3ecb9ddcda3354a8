"""``python -m tools.state_fixture DIRECTORY``: what a worker leaves behind, and how it went on.

``tests/fixtures/state-0.1.0`` was written by the code of release 0.1.0, commit 4c8f2b3: this folder
and the settings copied into a checkout of it. Code that stores state otherwise must not write that
directory again: it would prove nothing. For the state of another release, run it on that
release's code, with a directory of its own that holds a ``goalstream.toml``.

Six entities in four partitions live through a day and a half: loads climb and are shed, a person
approves, cancels and pulls the kill switch, an agent answers what plans ask of it. Then all is
stored, and two hours more are lived through by partitions that begin from what was stored. The
directory's README says what is written.
"""

from __future__ import annotations

import asyncio
import lzma
import shutil
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from streams.core.partition import MetricBatch, Partition, Positioned, series_key
from streams.records import Record
from streams.runtime.app import Broker, create_app
from streams.runtime.sealed import sealed
from streams.runtime.tables import TableSet
from streams.runtime.views import Views
from streams.settings import Settings, load_settings
from streams.wire.topology import INPUTS
from tools.state_fixture.world import EVERYBODY, STEPS, Step, World

PARTITIONS = 4
STORED_AT = 200
"""Step behind which all but the models is stored; behind the last one everything is."""
FURTHER_STEPS = 24
VIEWS = (
    "goals goal_index plans learning autonomy achievements control predictions states patterns "
    "knowledge suggestions outcomes pending_actions seen_ids metric_state models forecasts"
).split()
"""Those that release 0.1.0 has; a later one may have more."""
ROWS = 1_000
_encoder = msgspec.json.Encoder()


class Entry(msgspec.Struct, frozen=True):
    """A record of an input topic as it lies there."""

    topic: str
    partition: int
    offset: int
    record: Record


class Emitted(msgspec.Struct, frozen=True):
    topic: str
    record: Record


class Batch(msgspec.Struct, frozen=True):
    """Records of one topic and partition, and what came of them."""

    step: int
    """Batches of one step were written at once; those of the next when all that came of them was
    applied."""
    by_engine: bool
    """Whether the engine wrote them itself: they are what batches before emitted."""
    topic: str
    partition: int
    records: list[tuple[int, Record]]
    """With their offsets."""
    emitted: list[Emitted]


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A record of a changelog."""

    table: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None


# -- the worker -----------------------------------------------------------------------------------


class Worker:
    """Partitions over tables, as the runtime keeps them, without a broker: what is written to a
    changelog and what comes back as input is kept here."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        broker = Broker("kafka://127.0.0.1:1")
        self._config = settings.core()
        self._tables = TableSet(
            create_app("fixture", broker, directory, PARTITIONS, 100, 10.0), PARTITIONS
        )
        self.views = Views(
            lambda number: self.partitions[number],
            lambda: frozenset(range(PARTITIONS)),
            self._tables,
            PARTITIONS,
            self._config,
        )
        self.ends: Counter[tuple[str, int]] = Counter()
        self.changes: list[Change] = []
        self.positions: dict[str, dict[int, int]] = {}
        self._changes: Counter[tuple[str, int]] = Counter()
        self._steps = 0
        self.start()

    def start(self) -> None:
        """Begin from what is stored; what was not stored is lost."""
        self.partitions = [
            Partition(number, self._config, self._tables.reader(number))
            for number in range(PARTITIONS)
        ]

    def take(self, step: Step) -> Iterator[Batch]:
        """Apply what was written at once, and then all that comes back."""
        waiting = deque([(False, step.topic, step.records)])
        while waiting:
            by_engine, topic, records = waiting.popleft()
            for number in range(PARTITIONS):
                own = [record for record in records if number in self._partitions_of(record)]
                if not own:
                    continue
                batch = self._apply(by_engine, topic, number, own)
                yield batch
                for source in INPUTS:
                    back = [each.record for each in batch.emitted if each.topic == source]
                    if back:
                        waiting.append((True, source, back))
        self._steps += 1

    def _partitions_of(self, record: Record) -> Iterable[int]:
        everybody = record.entity_id == EVERYBODY
        return range(PARTITIONS) if everybody else (self.views.partition_of(record.entity_id),)

    def _apply(self, by_engine: bool, topic: str, number: int, records: Sequence[Record]) -> Batch:
        begin = self.ends[topic, number]
        self.ends[topic, number] += len(records)
        placed = [(begin + index, record) for index, record in enumerate(records)]
        partition = self.partitions[number]
        if topic == "metrics":
            applied = partition.apply_metrics(_columns(placed))
        else:
            applied = partition.apply(topic, [Positioned(*each) for each in placed])
        assert not applied.rejections, applied.rejections
        emitted = [Emitted(each.topic, each.record) for each in applied.emissions]
        return Batch(self._steps, by_engine, topic, number, placed, emitted)

    async def checkpoint(self, *, models: bool) -> None:
        """Store what changed, each table's changelog first; without the models when so asked."""
        for number, partition in enumerate(self.partitions):
            snapshot = sealed(partition.snapshot(None if models else 0))
            for table, writes in snapshot.writes.items():
                if not writes:
                    continue
                for key, value in writes:
                    at = self._changes[table, number]
                    self.changes.append(Change(table, number, at, key, value))
                    self._changes[table, number] += 1
                last = self._changes[table, number] - 1
                await self._tables.write(table, number, writes, last)
            for source, offset in snapshot.positions.items():
                self.positions.setdefault(source, {})[number] = offset

    def rows(self) -> dict[str, dict[str, object]]:
        """Every view."""
        found: dict[str, dict[str, object]] = {}
        for name in VIEWS:
            rows, more = self.views.scan(name, "", ROWS)
            assert not more
            found[name] = dict(rows)
        return found

    def stored(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """All values of a table."""
        for number in range(PARTITIONS):
            yield from self._tables.scan(table, number, b"")

    def flush(self) -> None:
        """Write what RocksDB holds in memory to its files."""
        for table in ("entities", "series", "models"):
            for number in range(PARTITIONS):
                self._tables.database(table, number).flush()


def _columns(placed: Sequence[tuple[int, Record]]) -> MetricBatch:
    records: list[Any] = [record for _, record in placed]
    return MetricBatch(
        offsets=np.array([offset for offset, _ in placed], np.int64),
        timestamps=np.array([record.timestamp for record in records], np.int64),
        values=np.array([record.value for record in records], np.float64),
        keys=[series_key(record.entity_id, record.name) for record in records],
        entity_types=[record.entity_type for record in records],
        correlation_ids=[record.correlation_id for record in records],
    )


# -- what is written ------------------------------------------------------------------------------


async def write(directory: Path) -> None:
    """Make the fixture anew; ``goalstream.toml`` in the directory is what it runs under."""
    settings = load_settings(directory / "goalstream.toml", environ={})
    with tempfile.TemporaryDirectory() as scratch:
        world, worker = World(), Worker(settings, Path(scratch))
        inputs: list[Entry] = []
        for step in range(STEPS):
            for batch in _lived(world, worker, step):
                inputs += [Entry(batch.topic, batch.partition, *each) for each in batch.records]
            if step == STORED_AT:
                await worker.checkpoint(models=False)
        await worker.checkpoint(models=True)
        worker.flush()
        _copy(Path(scratch), directory / "state")
        entities = {
            key.decode(): msgspec.msgpack.decode(value) for key, value in worker.stored("entities")
        }
        views, positions, changes = worker.rows(), worker.positions, worker.changes

        worker.start()
        further: list[Batch] = []
        for step in range(STEPS, STEPS + FURTHER_STEPS):
            further += _lived(world, worker, step)
        expected = {"views": views, "views_after": worker.rows(), "entities": entities}
    _pack(directory / "changelogs.msgpack.xz", msgspec.msgpack.encode(changes))
    _pack(directory / "inputs.jsonl.xz", _encoder.encode_lines(inputs))
    _pack(directory / "further.jsonl.xz", _encoder.encode_lines(further))
    _pack(directory / "expected.json.xz", msgspec.json.encode(expected))
    (directory / "positions.json").write_bytes(msgspec.json.format(msgspec.json.encode(positions)))


def _lived(world: World, worker: Worker, step: int) -> Iterator[Batch]:
    for written in world.live(step):
        for batch in worker.take(written):
            for each in batch.emitted:
                world.see(each.record)
            yield batch


def _copy(state: Path, directory: Path) -> None:
    """RocksDB's files but its logs, which tell where and when they were made."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(state, directory, ignore=shutil.ignore_patterns("LOG*", "LOCK"))


def _pack(file: Path, data: bytes) -> None:
    file.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
