"""What every feature of the engine must hold; run it in the tests of a feature of your own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import msgspec
import numpy as np

from streams.core.config import CoreConfig
from streams.core.kernel.batch import MetricBatch, Positioned, series_key
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature
from streams.core.kernel.names import METRICS
from streams.core.kernel.slices import decode_slice, encode_slice
from streams.core.kernel.store import ENTITIES, TABLES, Write
from streams.core.kernel.timers import TICK
from streams.core.partition import Partition, Snapshot
from streams.records import Command, Metric, Record

Log = Sequence[tuple[str, Record]]
"""Logical topic and record, in order."""
PARTITION = 0


class MemoryStore:
    """Stored values of one partition in memory."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[bytes, bytes]] = {table: {} for table in TABLES}

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order of ``keys``; None where nothing is stored."""
        return [self.tables[table].get(key) for key in keys]

    def save(self, snapshot: Snapshot) -> None:
        """Store what a checkpoint has taken."""
        for table, writes in snapshot.writes.items():
            self.write(table, writes)

    def write(self, table: str, writes: Sequence[Write]) -> None:
        """Store some values; a None is removed."""
        for key, value in writes:
            if value is None:
                self.tables[table].pop(key, None)
            else:
                self.tables[table][key] = value


def check_feature(
    make: Callable[[], Feature],
    log: Log,
    *,
    config: CoreConfig | None = None,
    most_bytes: int = 16_384,
) -> None:
    """Feed ``log`` to an engine with the feature in several ways; AssertionError names what failed.

    Checked are: the same records give the same emissions and bytes; so do batches cut anywhere,
    checkpoints and restarts; slices are changed after ``turn.edit`` alone and survive storing;
    a timer is not still due after its tick; no slice grows beyond ``most_bytes``. The log should
    make the feature do everything that it can.
    """
    base = CoreConfig() if config is None else config
    once = _run(make, base, log, len(log))
    again = _run(make, base, log, len(log))
    assert once == again, f"{make().name}: the same records gave two results"
    for size in (1, 2, 7):
        cut = _run(make, base, log, size)
        assert cut[0] == once[0], f"{make().name}: emissions differ when cut every {size} records"
        assert cut[1] == once[1], f"{make().name}: stored bytes differ when cut every {size}"
    _check_slices(make, base, log, most_bytes)
    _check_timer(make, base, log)


def _run(
    make: Callable[[], Feature], base: CoreConfig, log: Log, size: int
) -> tuple[list[bytes], dict[str, dict[bytes, bytes]]]:
    """Emissions and stored bytes, with a restart behind every ``size`` records."""
    store = MemoryStore()
    emitted: list[bytes] = []
    for start in range(0, len(log), max(1, size)):
        config = replace(base, features=(*base.features, make()))
        partition = Partition(PARTITION, config, store)
        emitted += _feed(partition, log, start, start + max(1, size))
        store.save(partition.snapshot(None))
    return emitted, store.tables


def _feed(partition: Partition, log: Log, start: int, end: int) -> list[bytes]:
    """Apply the records from ``start`` on; their offsets count within their topic."""
    offsets: dict[str, int] = {}
    numbered: list[tuple[str, int, Record]] = []
    for topic, record in log[:end]:
        numbered.append((topic, offsets.setdefault(topic, 0), record))
        offsets[topic] += 1
    emitted: list[bytes] = []
    for topic, run in groupby(numbered[start:], key=lambda each: each[0]):
        rows = list(run)
        if topic == METRICS:
            applied = partition.apply_metrics(_columns(rows))
        else:
            applied = partition.apply(topic, [Positioned(at, record) for _, at, record in rows])
        emitted += [msgspec.msgpack.encode((each.topic, each.record)) for each in applied.emissions]
    return emitted


def _columns(rows: Sequence[tuple[str, int, Record]]) -> MetricBatch:
    metrics = [(at, record) for _, at, record in rows if isinstance(record, Metric)]
    return MetricBatch(
        offsets=np.array([at for at, _ in metrics], np.int64),
        timestamps=np.array([each.timestamp for _, each in metrics], np.int64),
        values=np.array([each.value for _, each in metrics], np.float64),
        keys=[series_key(each.entity_id, each.name) for _, each in metrics],
        entity_types=[each.entity_type for _, each in metrics],
        correlation_ids=[each.correlation_id for _, each in metrics],
    )


def _check_slices(make: Callable[[], Feature], base: CoreConfig, log: Log, most_bytes: int) -> None:
    feature, store = make(), MemoryStore()
    partition = Partition(PARTITION, replace(base, features=(*base.features, feature)), store)
    for start in range(len(log)):
        _feed(partition, log, start, start + 1)
        for entity in _entities(partition):
            stray = entity.strays()
            assert not stray, f"{stray} of {entity.entity_id!r} changed without turn.edit"
    store.save(partition.snapshot(None))
    if feature.State is None:
        return
    for entity in _entities(partition):
        state = entity.read(feature.State)
        stored = encode_slice(state)
        assert decode_slice(feature.State, stored) == state, "a slice does not survive storing"
        size = len(bytes(stored.data))
        assert size <= most_bytes, f"a slice has {size} bytes; bound what it keeps"


def _check_timer(make: Callable[[], Feature], base: CoreConfig, log: Log) -> None:
    """After the tick of its moment a feature is due later, or not at all."""
    feature, store = make(), MemoryStore()
    partition = Partition(PARTITION, replace(base, features=(*base.features, feature)), store)
    _feed(partition, log, 0, len(log))
    commands = sum(topic == "commands" for topic, _ in log)
    for number, entity in enumerate(_entities(partition)):
        due = entity.timers.get(feature.name)
        if due is None:
            continue
        tick = Command(
            entity_id=entity.entity_id, timestamp=due, command_id=f"tick-{number}", command=TICK
        )
        partition.apply("commands", [Positioned(commands + number, tick)])
        after = entity.timers.get(feature.name)
        assert after is None or after > due, f"due at {due} and, after its tick, still at {after}"


def _entities(partition: Partition) -> list[Entity]:
    found = (partition.entities.find(name) for name in partition.resident_keys(ENTITIES))
    return [entity for entity in found if entity is not None]
