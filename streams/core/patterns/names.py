"""Names of bounded length, and whose event it is."""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.kernel.ids import stable_id
from streams.core.patterns.config import PatternConfig
from streams.records import Event

_MAX_BYTES = 40
_HEAD, _TAIL = 27, 12


def short(name: str) -> str:
    """``name`` in at most 40 bytes of UTF-8: of a longer one the beginning and a digest."""
    if len(name) <= _MAX_BYTES and (name.isascii() or len(name.encode()) <= _MAX_BYTES):
        return name
    head = name.encode("utf-8", "replace")[:_HEAD].decode("utf-8", "ignore")
    return f"{head}~{stable_id(name)[-_TAIL:]}"


def user_of(event: Event, config: PatternConfig) -> str:
    """The user who caused the event; "" when nobody is named."""
    return short(_first(event.metadata, config.user_keys))


def track_of(event: Event, user: str, config: PatternConfig) -> str:
    """What the event belongs together with: its session, else its user, else its chain."""
    session = _first(event.metadata, config.session_keys)
    if session:
        return short(f"s:{session}")
    if user:
        return short(f"u:{user}")
    return short(f"c:{event.correlation_id}") if event.correlation_id else ""


def _first(metadata: Mapping[str, str], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = metadata.get(key)
        if value:
            return value
    return ""
