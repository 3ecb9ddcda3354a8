"""Messages that cannot be used, one of each kind: each must end as exactly one dead letter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from streams.core.kernel.ids import stable_id
from streams.records import Command, Metric, Record
from streams.wire.framing import HEADER_SIZE

_ENTITY = "web"
_UNKNOWN_ID = 1_999_999_999


class Message(NamedTuple):
    """A message as it goes out."""

    topic: str
    """Logical name."""
    key: bytes | None
    value: bytes | None


def bad_messages(encode: Callable[[str, Record], bytes], timestamp: int) -> list[Message]:
    """Messages with event time ``timestamp`` (ms) where they have one.

    ``encode`` makes the value for a logical topic of a record.
    """
    key = _ENTITY.encode()
    good = Metric(entity_id=_ENTITY, timestamp=timestamp, name="cpu_utilization", value=1.0)
    value = encode("metrics", good)
    unknown = value[:1] + _UNKNOWN_ID.to_bytes(4, "big") + value[HEADER_SIZE:]
    command = Command(
        entity_id=_ENTITY,
        timestamp=timestamp,
        command_id=stable_id("demo", "command", timestamp),
        command="goal.abolish",
    )
    unusable = (
        None,
        b'{"entity_id": "web", "name": "cpu_utilization", "value": 1.0}',
        unknown,
        value[:-4],
        value + b"\0",
        encode("metrics", replace(good, value=math.nan)),
        encode("metrics", replace(good, timestamp=-timestamp)),
        encode("metrics", replace(good, name="")),
    )
    return [
        *(Message("metrics", key, each) for each in unusable),
        Message("metrics", None, value),
        Message("metrics", b"somebody-else", value),
        Message("actions", key, b"scale_out please"),
        Message("commands", key, encode("commands", command)),
    ]
