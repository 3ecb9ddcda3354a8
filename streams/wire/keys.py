"""Message keys: every record travels under the field that names its owner."""

from __future__ import annotations

from streams.records import DeadLetter, LoopEvent, Record


def key_field(record_type: type[Record]) -> str | None:
    """Name of the text field that is the message key; None for dead letters."""
    if record_type is DeadLetter:
        return None
    return "loop_id" if record_type is LoopEvent else "entity_id"


def key_of(record: Record) -> bytes | None:
    """Message key of a record; a dead letter keeps the key of the original."""
    if isinstance(record, DeadLetter):
        return record.key
    return (record.loop_id if isinstance(record, LoopEvent) else record.entity_id).encode()
