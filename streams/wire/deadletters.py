"""What becomes of a rejected message: a dead letter that can be found, read and replayed."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.kernel.ids import stable_id
from streams.records import DeadLetter, Header
from streams.wire.rejected import Rejected

MAX_DETAIL = 2_000
"""Characters of detail that are kept."""
MAX_RAW_BYTES = 400_000
"""Bytes of key, headers and value that are kept together. The key travels twice, inside the
letter and as its message key, and the whole must fit the producer's batch of 900,000."""
_MAX_ENTITY_ID = 1_000
UNKNOWN_ENTITY = "unknown"


def dead_letter(rejected: Rejected) -> DeadLetter:
    """The dead letter of a message; the same message always gives the same ``dead_letter_id``.

    Key, headers and value are kept byte for byte up to ``MAX_RAW_BYTES`` in all. Beyond that
    headers are left out from the first that does not fit, then the value is cut; the detail
    says so and gives the original size. A detail above ``MAX_DETAIL`` characters is cut, too.
    """
    raw = rejected.raw
    notes: list[str] = []
    left = MAX_RAW_BYTES
    key = _cut("key", raw.key, left, notes)
    left -= len(key or b"")
    headers = _headers(raw.headers, left, notes)
    left -= sum(map(_size, headers))
    value = _cut("value", raw.value, left, notes)
    return DeadLetter(
        entity_id=_entity_id(raw.key),
        entity_type=UNKNOWN_ENTITY,
        timestamp=max(raw.timestamp, 0),
        dead_letter_id=stable_id(raw.topic, raw.partition, raw.offset),
        reason=str(rejected.reason),
        detail="; ".join([_short(rejected.detail), *notes]),
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=key,
        value=value,
        headers=headers,
    )


def _entity_id(key: bytes | None) -> str:
    """The key as text when it can be one."""
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        return UNKNOWN_ENTITY
    return text if 0 < len(text) <= _MAX_ENTITY_ID else UNKNOWN_ENTITY


def _cut(name: str, data: bytes | None, limit: int, notes: list[str]) -> bytes | None:
    if data is None or len(data) <= limit:
        return data
    notes.append(f"{name} cut to {limit} of {len(data)} bytes")
    return data[:limit]


def _headers(
    headers: Sequence[tuple[str, bytes | None]], limit: int, notes: list[str]
) -> tuple[Header, ...]:
    kept: list[Header] = []
    for name, value in headers:
        header = Header(name, value)
        limit -= _size(header)
        if limit < 0:
            notes.append(f"headers cut to {len(kept)} of {len(headers)}")
            break
        kept.append(header)
    return tuple(kept)


def _size(header: Header) -> int:
    return len(header.key.encode()) + len(header.value or b"")


def _short(detail: str) -> str:
    if len(detail) <= MAX_DETAIL:
        return detail
    return f"{detail[:MAX_DETAIL]}… (detail cut from {len(detail)} characters)"
