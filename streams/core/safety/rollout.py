"""Which entities a new way of acting has reached."""

from __future__ import annotations

import hashlib

_SPAN = 2**64


def in_rollout(entity_id: str, share: float, salt: str = "") -> bool:
    """Whether the entity belongs to the ``share`` (0..1) of all.

    The same on every machine and for all time. A larger share keeps all entities of a smaller
    one; another ``salt`` is an independent choice.
    """
    digest = hashlib.sha256(f"{salt}\x1f{entity_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * _SPAN
