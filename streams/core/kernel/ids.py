"""Deterministic ids: the same cause always gets the same id, so a consumer can drop a repeat."""

from __future__ import annotations

import hashlib
import uuid


def stable_id(*parts: object) -> str:
    """A UUID (version 8 layout, RFC 9562) derived from ``parts`` by SHA-256."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:16]
    raw = bytearray(digest)
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))
