"""Confluent wire format: magic byte 0, schema id as four bytes big-endian, Avro body."""

from __future__ import annotations

import struct

MAGIC = 0
HEADER_SIZE = 5
_HEADER = struct.Struct(">BI")


def header(schema_id: int) -> bytes:
    """The five bytes in front of every body."""
    return _HEADER.pack(MAGIC, schema_id)


def schema_id_of(value: bytes | None) -> int | None:
    """Schema id of a message value; None when it is not framed."""
    if value is None or len(value) < HEADER_SIZE or value[0] != MAGIC:
        return None
    return int.from_bytes(value[1:HEADER_SIZE], "big")
