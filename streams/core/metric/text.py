"""Any value as text that fits into a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import numpy as np

from streams.records.limits import OUTPUT_BYTES, TEXT_BYTES

TRACE_BYTES = 32_768
"""Of a stack trace; its end, where the error is, is kept."""


def json_text(value: object, limit: int = OUTPUT_BYTES) -> str:
    """``value`` as JSON; what has no JSON form becomes its text form. Never raises.

    Sets become sorted lists, numbers that are not finite null. Text beyond ``limit`` bytes is
    replaced by an object with its size and its beginning.
    """
    try:
        encoded = msgspec.json.encode(value, enc_hook=_plain, order="deterministic")
    except Exception:  # the value is a stranger's: keys of odd types, cycles, broken methods
        encoded = msgspec.json.encode(plain_text(value))
    return shortened_json(encoded, limit)


def shortened_json(encoded: bytes, limit: int) -> str:
    """JSON text; beyond ``limit`` bytes an object with its size and its beginning instead."""
    if len(encoded) <= limit:
        return encoded.decode()
    # A character of the beginning takes up to six bytes as JSON within JSON.
    head = encoded[: limit // 8].decode("utf-8", "ignore")
    return msgspec.json.encode({"truncated": True, "bytes": len(encoded), "head": head}).decode()


def plain_text(value: object, limit: int = TEXT_BYTES) -> str:
    """Text form of ``value`` as valid UTF-8 of at most ``limit`` bytes. Never raises."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # a stranger's __str__
        text = f"<{type(value).__name__} without a text form>"
    data = text[:limit].encode("utf-8", "backslashreplace")
    return data[:limit].decode("utf-8", "ignore")


def tail(text: str, limit: int = TRACE_BYTES) -> str:
    """The last ``limit`` bytes of ``text`` as valid UTF-8."""
    data = text[-limit:].encode("utf-8", "backslashreplace")
    return data[-limit:].decode("utf-8", "ignore")


def _plain(value: Any) -> object:
    if isinstance(value, (np.generic, np.ndarray)):
        return cast(object, value.tolist())
    if isinstance(value, Mapping):
        return dict(cast(Mapping[object, object], value))
    return plain_text(value)
