"""Any value as text that fits into a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import numpy as np

JSON_LIMIT = 65_536
"""Bytes of JSON text in one field."""
TEXT_LIMIT = 8_192
"""Characters of a message or of one metadata value."""
TRACE_LIMIT = 32_768
"""Characters of a stack trace; its end, where the error is, is kept."""


def json_text(value: object) -> str:
    """``value`` as JSON; what has no JSON form becomes its text form. Never raises.

    Sets become sorted lists, numbers that are not finite null. Text beyond ``JSON_LIMIT`` bytes
    is replaced by an object with its size and its beginning.
    """
    try:
        encoded = msgspec.json.encode(value, enc_hook=_plain, order="deterministic")
    except Exception:  # the value is a stranger's: keys of odd types, cycles, broken methods
        encoded = msgspec.json.encode(plain_text(value))
    if len(encoded) > JSON_LIMIT:
        head = encoded[: JSON_LIMIT // 4].decode("utf-8", "ignore")
        encoded = msgspec.json.encode({"truncated": True, "bytes": len(encoded), "head": head})
    return encoded.decode()


def plain_text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Text form of ``value`` as valid UTF-8 of at most ``limit`` characters. Never raises."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # a stranger's __str__
        text = f"<{type(value).__name__} without a text form>"
    return text[:limit].encode("utf-8", "backslashreplace").decode()


def tail(text: str, limit: int = TRACE_LIMIT) -> str:
    """The last ``limit`` characters of ``text`` as valid UTF-8."""
    return plain_text(text[-limit:], limit)


def _plain(value: Any) -> object:
    if isinstance(value, (np.generic, np.ndarray)):
        return cast(object, value.tolist())
    if isinstance(value, Mapping):
        return dict(cast(Mapping[object, object], value))
    return plain_text(value)
