"""Stored values with a checksum of their own, in changelogs and in RocksDB.

A sealed value is the CRC-32 of key and value (4 bytes, little-endian), a mark of 4 bytes, and the
value. Values that release 0.1.0 wrote have no seal; none of them has the mark at this place: the
last byte of the mark would be the highest of a model's offset or of a row's version, and an entity
begins with the names of its fields. They are known as whole by their layout.

The checksum guards against damage, not against somebody who may write to the changelogs.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from streams.core.kernel.entity import decode_timers
from streams.core.kernel.store import ENTITIES, SERIES, Write
from streams.core.partition import Snapshot
from streams.core.series.store import HOT, HOT_VERSION
from streams.errors import StateError

MARK = b"gs1\xc1"
_CHECKSUM_BYTES = 4
HEADER_BYTES = _CHECKSUM_BYTES + len(MARK)
_MODEL_BYTES = 8
"""A model begins with its offset."""
REPAIR = (
    "see 'goalstream state check'; with all workers stopped, 'goalstream state repair --yes' lets "
    "what is damaged begin anew"
)


def seal(key: bytes, value: bytes | None) -> bytes | None:
    """``value`` behind its checksum; a tombstone has none."""
    return None if value is None else _checksum(key, value) + MARK + value


def sealed(snapshot: Snapshot) -> Snapshot:
    """What a checkpoint stores, each value sealed."""
    return snapshot._replace(
        writes={table: _sealed(writes) for table, writes in snapshot.writes.items()}
    )


def _sealed(writes: Iterable[Write]) -> list[Write]:
    return [Write(key, seal(key, value)) for key, value in writes]


def unseal(table: str, key: bytes, stored: bytes) -> bytes:
    """The value; raises StateError when it is not what was stored under ``key``."""
    if stored[_CHECKSUM_BYTES:HEADER_BYTES] == MARK:
        value = stored[HEADER_BYTES:]
        if stored[:_CHECKSUM_BYTES] != _checksum(key, value):
            raise damaged(table, key, "its checksum does not match")
        return value
    require_layout(table, key, stored)
    return stored


def require_layout(table: str, key: bytes, value: bytes) -> None:
    """Raises StateError for a value that is none of its table, whatever checksum it has."""
    if (flaw := _flaw(table, key, value)) is not None:
        raise damaged(table, key, flaw)


def damaged(table: str, key: bytes, flaw: str) -> StateError:
    """The error for one value that cannot be used."""
    return StateError(
        f"a stored value is damaged: {flaw}",
        field=f"key of table {table}",
        value=key.decode(errors="replace"),
        remedy=REPAIR,
    )


def _checksum(key: bytes, value: bytes) -> bytes:
    return zlib.crc32(value, zlib.crc32(key)).to_bytes(_CHECKSUM_BYTES, "little")


def _flaw(table: str, key: bytes, stored: bytes) -> str | None:
    """What is wrong with the layout of a value, as far as it has been the same in all releases."""
    if table == ENTITIES:
        try:
            owner = decode_timers(stored).entity_id
        except StateError as error:
            return error.message
        return None if owner.encode() == key else f"it is that of {owner!r}"
    if table == SERIES:
        whole = len(stored) == HOT.itemsize and np.frombuffer(stored, HOT)["version"] == HOT_VERSION
        return None if whole else f"{len(stored)} bytes are no row"
    return None if len(stored) >= _MODEL_BYTES else f"{len(stored)} bytes are no model"
