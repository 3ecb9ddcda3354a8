"""Rules that every record off a topic must meet, beyond its schema."""

from __future__ import annotations

import math
from typing import Any, cast

from streams.core.kernel.batch import KEY_SEPARATOR
from streams.core.kernel.clocks import unit_detail, unit_of
from streams.records import Metric, Record
from streams.wire.body import Fields
from streams.wire.keys import key_field
from streams.wire.rejected import Problem, Reason
from streams.wire.schemas import Json, fields_of, schema_json

LAST_TIMESTAMP = 253_402_300_799_999
"""End of the year 9999 in ms: a larger event time is in the wrong unit."""


class Checks:
    """The rules for one record type. Dead letters describe bad records and are exempt."""

    def __init__(self, record_type: type[Record]) -> None:
        self._key_field = key_field(record_type)
        self._names = ("entity_id", "name") if record_type is Metric else ("entity_id",)
        types = fields_of(schema_json(record_type))
        self._numbers = tuple(name for name, type_ in types.items() if _holds_double(type_))

    def problem(self, fields: Fields, key: bytes | None) -> Problem | None:
        """The first rule that the record breaks, in the order of Reason; None when good."""
        if self._key_field is None:
            return None
        return (
            self._bad_key(fields, key)
            or _bad_timestamp(fields["timestamp"])
            or self._bad_number(fields)
        )

    def _bad_key(self, fields: Fields, key: bytes | None) -> Problem | None:
        if not key:
            detail = f"message has no key; use the record's {self._key_field}"
            return Problem(Reason.MISSING_KEY, detail)
        for name in self._names:
            text = fields[name]
            if not text or KEY_SEPARATOR in text:
                detail = f"field {name!r}, value {text!r}; use text without U+001F, not empty"
                return Problem(Reason.INVALID_ENTITY, detail)
        owner = fields[str(self._key_field)]
        if key != owner.encode():
            detail = f"message key {key!r} is not field {self._key_field!r}, value {owner!r}"
            return Problem(Reason.KEY_MISMATCH, detail)
        return None

    def _bad_number(self, fields: Fields) -> Problem | None:
        for name in self._numbers:
            if not _finite(fields[name]):
                detail = f"field {name!r}, value {fields[name]!r}; use finite numbers"
                return Problem(Reason.INVALID_VALUE, detail)
        return None


def _bad_timestamp(timestamp: int) -> Problem | None:
    if 1 <= timestamp <= LAST_TIMESTAMP:
        return None
    if unit_of(timestamp):
        return Problem(Reason.TIMESTAMP_UNIT, unit_detail(timestamp))
    detail = f"field 'timestamp', value {timestamp}; use ms since the epoch, UTC"
    return Problem(Reason.INVALID_TIMESTAMP, detail)


def _finite(value: Any) -> bool:
    """Whether every number in a field is finite, at any depth."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, cast("dict[str, Any]", value).values()))
    if isinstance(value, list):
        return all(map(_finite, cast("list[Any]", value)))
    return True


def _holds_double(type_: Json) -> bool:
    """Whether a field's type is, or contains, a double."""
    if isinstance(type_, list):
        return any(map(_holds_double, cast("list[Json]", type_)))
    if isinstance(type_, dict):
        parts = cast("dict[str, Json]", type_)
        inner = parts.get("items") or parts.get("values") or parts.get("type")
        return _holds_double(inner) or any(map(_holds_double, fields_of(parts).values()))
    return type_ == "double"
