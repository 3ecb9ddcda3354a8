"""Something happened."""

from __future__ import annotations

from streams.records.base import Record


class Event(Record, frozen=True, kw_only=True):
    """A typed occurrence with free text metadata."""

    event_id: str
    event_type: str
    source: str = ""
    metadata: dict[str, str] = {}
