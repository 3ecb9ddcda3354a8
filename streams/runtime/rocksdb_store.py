"""Faust's RocksDB store, which notices a damaged database, sets it aside and begins a new one.

The new database is empty, so recovery fills it from the changelog. RocksDB checks the checksum of
each block that it reads, and raises bare exceptions; what they mean is told by their text.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import faust
import rocksdict
import structlog
from faust.stores.rocksdb import Store
from faust.types import TP

from streams.runtime.logs import FAUST_LOGGER

log = structlog.get_logger(__name__)

MARKER = "DAMAGED"
"""File in a database that was found damaged while it was in use."""
ASIDE = ".damaged"
"""Behind the name of a database that was set aside; the newest one of each is kept."""
_SIGNS = ("Corruption", "No such file", "checksum mismatch")


def is_damage(error: Exception) -> bool:
    """Whether RocksDB says that its files are damaged, as opposed to locked or full."""
    return any(sign in str(error) for sign in _SIGNS)


class CheckedStore(Store):
    """One database a partition, below ``self.path``."""

    logger = FAUST_LOGGER

    on_set_aside: Callable[[str], None]
    """Told the table whose database was set aside."""

    def _open_for_partition(self, partition: int) -> Any:
        path = Path(self.partition_path(partition))
        if (path / MARKER).exists():
            self._set_aside(path, "it was found damaged while it was in use")
        try:
            return self._opened(path)
        except Exception as error:
            if not is_damage(error):
                raise
            reason = str(error)
        self._set_aside(path, reason)
        return self._opened(path)

    def _opened(self, path: Path) -> Any:
        database = self.rocksdb_options.open(path)
        reading = rocksdict.ReadOptions()
        reading.set_verify_checksums(True)
        database.set_read_options(reading)
        return database

    def persisted_offset(self, tp: TP) -> int | None:
        """Changelog offset that the database includes; a damaged one is set aside and has none."""
        try:
            return super().persisted_offset(tp)
        except Exception as error:
            if not is_damage(error):
                raise
            reason = str(error)
        self.renew(tp.partition, reason)
        return super().persisted_offset(tp)

    def renew(self, partition: int, reason: str) -> None:
        """Have a database set aside and begun anew now; nothing else may be using it."""
        self.mark(partition, reason)
        self._dbs.pop(partition).close()
        self._db_for_partition(partition)

    def mark(self, partition: int, reason: str) -> None:
        """Have the database of a partition set aside when it is opened next."""
        path = Path(self.partition_path(partition))
        try:
            (path / MARKER).write_text(f"{reason}\n", encoding="utf-8")
        except OSError as error:
            log.warning("a damaged database cannot be marked", path=str(path), error=str(error))

    def _set_aside(self, path: Path, reason: str) -> None:
        aside = path.with_name(path.name + ASIDE)
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        log.error(
            "a damaged database is set aside and rebuilt from the changelog",
            path=str(path),
            aside=str(aside),
            reason=reason,
        )
        self.on_set_aside(self.table_name)


class CheckedTable(faust.Table[bytes, bytes]):
    """A table over a ``CheckedStore``."""

    logger = FAUST_LOGGER

    def _new_store(self) -> Any:
        return CheckedStore(
            "rocksdb://",
            self.app,
            cast(Any, self),
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
            options=self.options,
        )
