"""Stored state: what damages it is noticed before anything is done with it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable

from streams.errors import StateError

_CHECKSUM_BYTES = 4


def damaged(what: str, reason: object) -> StateError:
    """The error to raise when stored state cannot be read."""
    return StateError(
        f"stored state of {what} is damaged: {reason}",
        field="state",
        value=what,
        remedy="delete the state directory; it is rebuilt from the changelog",
    )


def require(condition: bool, what: str, reason: str) -> None:
    """Raise StateError unless the condition holds."""
    if not condition:
        raise damaged(what, reason)


def require_finite(numbers: Iterable[float], what: str) -> None:
    """Raise StateError when one of the numbers is not finite."""
    # none that a model writes is large enough for a sum to overflow
    require(math.isfinite(sum(numbers)), what, "a number is not finite")


def seal(data: bytes) -> bytes:
    """Data behind its CRC-32."""
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little") + data


def unseal(sealed: bytes, what: str) -> bytes:
    """What was sealed; raises StateError when it is not what was sealed."""
    data = sealed[_CHECKSUM_BYTES:]
    checksum = zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")
    require(sealed[:_CHECKSUM_BYTES] == checksum, what, "the checksum does not match")
    return data
