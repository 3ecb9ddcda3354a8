"""The three tables in real RocksDB files."""

from __future__ import annotations

from pathlib import Path

from streams.core.kernel.store import ENTITIES, MODELS, SERIES, TABLES, Write
from streams.runtime.sealed import seal
from streams.runtime.tables import OFFSET_KEY, SLICE
from tests.kits.runtime.faust_app import table_set


def write(key: bytes, value: bytes | None) -> Write:
    return Write(key, seal(key, value))


async def test_values_and_offset_are_stored_together(tmp_path: Path) -> None:
    tables = table_set(tmp_path)
    assert tables.persisted_offset(SERIES, 1) == -1
    await tables.write(SERIES, 1, [write(b"a", b"1"), write(b"b", b"2"), write(b"c", b"3")], 7)
    await tables.write(SERIES, 1, [write(b"b", None)], 9)
    assert tables.persisted_offset(SERIES, 1) == 9
    assert tables.reader(1).get_many(SERIES, [b"c", b"b", b"a"]) == [b"3", None, b"1"]
    assert tables.reader(2).get_many(SERIES, [b"a"]) == [None]
    assert tables.reader(1).get_many(ENTITIES, []) == []
    assert tables.persisted_offset(MODELS, 1) == -1


async def test_offset_comes_with_the_last_slice(tmp_path: Path) -> None:
    tables = table_set(tmp_path)
    writes = [write(f"{n:05}".encode(), b"v") for n in range(SLICE + 1)]
    writing = tables.write(SERIES, 0, writes, 5)
    steps = writing.__await__()
    next(steps)  # the first slice
    assert tables.persisted_offset(SERIES, 0) == -1
    assert tables.reader(0).get_many(SERIES, [b"00000"]) == [b"v"]
    for _ in steps:
        pass
    assert tables.persisted_offset(SERIES, 0) == 5


async def test_scan_is_ascending_and_hides_the_offset(tmp_path: Path) -> None:
    tables = table_set(tmp_path)
    keys = [b"a", b"a\x1fm", b"b", b"_", b"\xc3\xbc"]
    await tables.write(ENTITIES, 0, [write(key, key) for key in keys], 1)
    assert tables.database(ENTITIES, 0).get(OFFSET_KEY) == b"1"
    assert [key for key, _ in tables.scan(ENTITIES, 0, b"")] == sorted(keys)
    assert [key for key, _ in tables.scan(ENTITIES, 0, b"a\x1f")] == [b"a\x1fm", b"b", b"\xc3\xbc"]


async def test_tables_are_known_by_their_changelogs(tmp_path: Path) -> None:
    tables = table_set(tmp_path)
    topics = [tables.changelog(table) for table in TABLES]
    assert len(set(topics)) == len(TABLES)
    assert [tables.by_changelog(topic) for topic in topics] == list(TABLES)
    assert tables.by_changelog("other") is None
