"""A number about an entity at an event time."""

from __future__ import annotations

import msgspec

from streams.records.base import Record


class Tag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key and value beside a metric."""

    key: str
    value: str


class Metric(Record, frozen=True, kw_only=True):
    """One measurement. The only thing that moves progress."""

    name: str
    value: float
    """Finite; NaN and infinities are dead-lettered."""
    unit: str = ""
    source: str = ""
    tags: tuple[Tag, ...] = ()
