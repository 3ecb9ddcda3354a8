"""A record that could not be used, with all that is needed to find and replay it."""

from __future__ import annotations

import msgspec

from streams.records.base import Record


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    value: bytes | None = None


class DeadLetter(Record, frozen=True, kw_only=True):
    """``timestamp`` is the broker's time of the original record."""

    dead_letter_id: str
    reason: str
    """Short, stable code of what is wrong, e.g. empty, not_framed, unknown_schema, undecodable."""
    detail: str
    """What is wrong in words: field, value, remedy."""
    topic: str
    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[Header, ...] = ()
