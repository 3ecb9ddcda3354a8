"""Bytes flipped in the files of RocksDB: each is noticed or harmless, and what is rebuilt is what
the changelog has."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from streams.core.kernel.store import ENTITIES, MODELS, SERIES, TABLES, Write
from streams.errors import StateError
from streams.runtime.rocksdb_store import ASIDE
from streams.runtime.sealed import seal
from streams.runtime.tables import TableSet
from tests.kits.runtime.faust_app import close, table_set

ROUNDS = 10
PLACES = 10
KEYS = 3_000

NOTICED = (".sst", "MANI", "CURR")
"""Kinds of files, by suffix or first letters, whose damage shows; that of others is harmless."""

Contents = dict[bytes, bytes]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that a worker left, with several files of values and a log that is not empty."""
    return tmp_path_factory.mktemp("stored") / "state"


def contents(table: str) -> Contents:
    """What the changelog of a table says."""
    source = random.Random(table)
    size = {ENTITIES: 300, SERIES: 64, MODELS: 600}[table]
    return {f"k{number:05}".encode(): source.randbytes(size) for number in range(KEYS)}


async def fill(tables: TableSet, table: str) -> None:
    writes = [Write(key, seal(key, value)) for key, value in contents(table).items()]
    await tables.write(table, 0, writes, KEYS - 1)


def files(directory: Path) -> list[Path]:
    """Files of every kind that damage may hit."""
    patterns = ("*.sst", "MANIFEST-*", "*.log", "CURRENT", "OPTIONS-*", "IDENTITY")
    found = [each for pattern in patterns for each in directory.rglob(pattern)]
    return [each for each in found if each.stat().st_size]


def damage(path: Path, source: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(PLACES):
        data[source.randrange(len(data))] ^= source.randrange(1, 256)
    path.write_bytes(data)


def read(tables: TableSet) -> Iterator[tuple[str, Contents, bool]]:
    """Each table, by a scan and by keys; and whether its offset says that it is complete."""
    for table in TABLES:
        complete = tables.persisted_offset(table, 0) == KEYS - 1
        found = dict(tables.scan(table, 0, b""))
        keys = list(contents(table))
        by_key = dict(zip(keys, tables.reader(0).get_many(table, keys), strict=True))
        assert {key: value for key, value in by_key.items() if value is not None} == found
        yield table, found, complete


async def prepared(directory: Path) -> None:
    """Written once; a copy that was made while it was in use has a log that is not empty."""
    tables = table_set(directory.parent / "written")
    for table in TABLES:
        await fill(tables, table)
        tables.database(table, 0).flush()
        tables.database(table, 0).put(b"~", seal(b"~", b"in the log"))
        tables.database(table, 0).delete(b"~")
    shutil.copytree(directory.parent / "written", directory)
    close(tables)


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_damage_is_noticed_or_harmless(stored: Path, tmp_path: Path, round_: int) -> None:
    if not stored.exists():
        await prepared(stored)
    source = random.Random(round_)
    kinds = sorted({path.suffix or path.name[:4] for path in files(stored)})
    hit = kinds[round_ % len(kinds)]
    state = tmp_path / "state"
    shutil.copytree(stored, state)
    chosen = [path for path in files(state) if (path.suffix or path.name[:4]) == hit]
    damage(source.choice(chosen), source)

    set_aside: list[str] = []
    remedies: list[str] = []
    while True:
        tables = table_set(state)
        tables.on_set_aside = set_aside.append
        tables.on_damage = lambda error: remedies.append(error.remedy)
        told = len(remedies)
        with suppress(StateError):
            for table, found, complete in read(tables):
                if complete:
                    assert found == contents(table), f"{hit}: misread without a word"
                else:
                    await fill(tables, table)  # what recovery does
        if len(remedies) == told:
            break
        close(tables)  # the process ends and is started again
    assert all(found == contents(table) for table, found, _ in read(tables))
    assert len(list(state.rglob(f"*{ASIDE}"))) == len(set_aside)
    assert len(set_aside) == (1 if hit in NOTICED else 0)
    assert len(remedies) <= 1
    assert all("rebuilt" in remedy for remedy in remedies)
    close(tables)


async def test_a_scan_does_not_end_early_without_a_word(tmp_path: Path) -> None:
    """RocksDB's iterator is just over where a block is damaged."""
    tables = table_set(tmp_path)
    await fill(tables, ENTITIES)
    tables.database(ENTITIES, 0).flush()
    close(tables)
    (file,) = [path for path in tmp_path.rglob("entities-0.db/*.sst") if path.stat().st_size]
    data = bytearray(file.read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 6):
        data[at] ^= 0xFF
    file.write_bytes(data)
    tables = table_set(tmp_path)
    told: list[StateError] = []
    tables.on_damage = told.append
    with pytest.raises(StateError, match="local store is damaged") as caught:
        list(tables.scan(ENTITIES, 0, b""))
    assert told == [caught.value]
    close(tables)


async def test_what_is_verified_is_set_aside_at_once(tmp_path: Path) -> None:
    tables = table_set(tmp_path)
    told, set_aside = list[StateError](), list[str]()
    tables.on_damage, tables.on_set_aside = told.append, set_aside.append
    await fill(tables, SERIES)
    await tables.verify(SERIES, 0)
    assert tables.persisted_offset(SERIES, 0) == KEYS - 1
    await tables.write(SERIES, 0, [Write(b"k00002", b"gs1 is what it is not")], KEYS)
    await tables.verify(SERIES, 0)
    assert (told, set_aside) == ([], [SERIES])
    assert tables.persisted_offset(SERIES, 0) == -1
    assert list(tables.scan(SERIES, 0, b"")) == []
    close(tables)


async def test_a_value_that_fails_its_checksum_is_damage_of_the_store(tmp_path: Path) -> None:
    tables = table_set(tmp_path)
    await tables.write(MODELS, 0, [Write(b"a", seal(b"b", b"another key's"))], 0)
    with pytest.raises(StateError, match="checksum"):
        tables.reader(0).get_many(MODELS, [b"a"])
    close(tables)
    set_aside: list[str] = []
    tables = table_set(tmp_path)
    tables.on_set_aside = set_aside.append
    assert tables.persisted_offset(MODELS, 0) == -1
    assert set_aside == [MODELS]
    close(tables)


async def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    """It raises as it is; what it is called is ``failures.named``'s to say."""
    tables = table_set(tmp_path)
    tables.database(MODELS, 0)
    told: list[StateError] = []
    tables.on_damage = told.append

    class Full:
        def write(self, *_args: object) -> None:
            raise Exception("IO error: No space left on device: While appending to file")

    tables.database = lambda table, partition: Full()  # type: ignore[method-assign]  # the disk is full
    with pytest.raises(Exception, match="No space left"):
        tables.store(MODELS, 0, [(b"a", b"b")], 1)
    assert told == []
    assert not os.path.exists(tmp_path / "DAMAGED")
