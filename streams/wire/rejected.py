"""What comes off a topic, and what is said about the part of it that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from streams.core.kernel.batch import Positioned
from streams.core.kernel.clocks import UNIT


class Raw(Protocol):
    """A message as the consumer delivers it; an aiokafka ``ConsumerRecord`` fits."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Broker's time, ms; negative when there is none."""
        ...

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Reason(StrEnum):
    """Why a message was refused. The codes are stable: dead letters and alerts carry them.

    The order is the order of the checks: a message gets the first code that applies.
    """

    EMPTY = "empty"
    """A tombstone or a value of no bytes."""
    TOO_LARGE = "too_large"
    """The value is longer than the decoder accepts."""
    NOT_FRAMED = "not_framed"
    """Shorter than five bytes, or the first byte is not the magic 0."""
    UNKNOWN_SCHEMA = "unknown_schema"
    """The registry answered that it has no schema of this id."""
    UNDECODABLE = "undecodable"
    """The body does not follow its schema, or its schema cannot be read as the topic's record."""
    FIELD_TOO_LARGE = "field_too_large"
    """A text, a list or a map is larger than its field may be."""
    TRAILING_BYTES = "trailing_bytes"
    """Bytes are left over behind the record."""
    MISSING_KEY = "missing_key"
    """The message has no key, or an empty one."""
    INVALID_ENTITY = "invalid_entity"
    """The entity id or the metric name is empty or contains the separator U+001F."""
    KEY_MISMATCH = "key_mismatch"
    """The message key is not the record's own key in UTF-8."""
    INVALID_TIMESTAMP = "invalid_timestamp"
    """The event time is not in 1 ms after the epoch .. end of the year 9999, in any unit."""
    TIMESTAMP_UNIT = UNIT
    """The event time is plainly in another unit than ms."""
    INVALID_VALUE = "invalid_value"
    """A number is NaN or infinite, or a field does not fit the record's type."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason and the words for it."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that cannot be used; it goes to the dead letters."""

    raw: Raw
    reason: str
    """A ``Reason``, or the code of a rule that refused what the record asks for."""
    detail: str
    """Field, value and remedy in words."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch after decoding; both parts in the order of the batch."""

    records: list[Positioned]
    rejected: list[Rejected]
