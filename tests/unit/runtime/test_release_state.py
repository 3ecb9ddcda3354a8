"""State that release 0.1.0 stored is taken over: everything shows as before, and all goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from streams.core.kernel.store import MODELS, SERIES, TABLES, Write
from streams.core.partition import Partition
from streams.records import Record
from streams.runtime.views import Views, all_views
from tests.kits.core.partition import Entry, apply_batch
from tests.kits.runtime import release_state
from tests.kits.runtime.fake_kafka import MemoryTables, as_any
from tests.kits.runtime.faust_app import table_set
from tests.kits.runtime.release_state import (
    PARTITIONS,
    Batch,
    as_json,
    common_revisions,
    differences,
    is_new,
)


class Worker:
    """Partitions over the tables that the changelogs give, and views over them."""

    def __init__(self) -> None:
        config = release_state.settings().core()
        self.tables = MemoryTables()
        for change in release_state.changes():
            reader = self.tables.reader(change.partition)
            reader.write(change.table, [Write(change.key, change.value)])
        self.partitions = [
            Partition(number, config, self.tables.reader(number)) for number in range(PARTITIONS)
        ]
        self._views = Views(
            self.partitions.__getitem__,
            lambda: frozenset(range(PARTITIONS)),
            as_any(self.tables),
            PARTITIONS,
            config,
        )

    def apply(self, batch: Batch) -> list[tuple[str, Record]]:
        """What comes of a batch."""
        entries = [Entry(batch.topic, placed.offset, placed.record) for placed in batch.records]
        applied = apply_batch(self.partitions[batch.partition], entries)
        assert (applied.skipped, applied.rejections) == (0, [])
        return [(emission.topic, emission.record) for emission in applied.emissions]

    def rows(self, name: str) -> Any:
        rows, more = self._views.scan(name, "", 1_000)
        assert not more
        return as_json(dict(rows))


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_every_view_is_as_before(worker: Worker) -> None:
    expected = release_state.views()
    listed = all_views(release_state.settings().core())
    assert expected.keys() | {"seen_ids"} == {view.name for view in listed}
    assert all(expected.values())
    for name, rows in expected.items():
        assert list(differences(worker.rows(name), rows, name)) == []


def test_the_next_records_lead_to_what_they_led_to_before(worker: Worker) -> None:
    for number, step in enumerate(release_state.further()):
        for batch in step:
            found, expected = (
                [{topic: as_json(record)} for topic, record in emitted if not is_new(record)]
                for emitted in (worker.apply(batch), batch.emitted)
            )
            where = f"step {number}, {batch.topic} in {batch.partition}"
            told = common_revisions(found, expected)
            assert list(differences(told, common_revisions(expected, found), where)) == []
    for name, expected in release_state.views(after=True).items():
        assert list(differences(worker.rows(name), expected, name)) == []


def test_rows_and_models_are_loaded_and_left_as_they_are(worker: Worker) -> None:
    models = 0
    for partition in worker.partitions:
        stored = worker.tables.reader(partition.number).tables
        for key, model in stored[MODELS].items():
            row = partition.series.find(key.decode())
            assert row is not None
            hot = partition.series.hot[row].copy()
            hot["beyond"] = 0  # what that release did not store
            assert hot.tobytes() == stored[SERIES][key]
            assert model.endswith(partition.series.bank.dump(row))
            models += 1
        writes = partition.snapshot(None).writes
        assert writes[SERIES] == writes[MODELS] == []
    assert models == len(release_state.views()["models"])


async def test_the_state_directory_holds_what_the_changelogs_hold(
    worker: Worker, tmp_path: Path
) -> None:
    shutil.copytree(release_state.DIRECTORY / "state", tmp_path / "state")
    tables = table_set(tmp_path / "state")
    ends = {(change.table, change.partition): change.offset for change in release_state.changes()}
    for number in range(PARTITIONS):
        for table in TABLES:
            assert tables.persisted_offset(table, number) == ends.get((table, number), -1)
            stored = dict(tables.scan(table, number, b""))
            assert stored == worker.tables.reader(number).tables[table]
