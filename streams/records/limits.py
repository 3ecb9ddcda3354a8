"""How large the parts of a record that the worker reads may be, in bytes of UTF-8 and in entries.

Producers are told in the ``doc`` of each schema; what is larger is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import inspect

from streams.errors import InvalidRecord
from streams.records.action import Action
from streams.records.base import Record
from streams.records.command import Command
from streams.records.event import Event
from streams.records.goal import Goal
from streams.records.metric import Metric
from streams.records.outcome import Outcome

ID_BYTES = 256
"""Ids, names, kinds, units; keys of maps, and texts in lists."""
TEXT_BYTES = 8_192
"""Texts that people write, and values of maps."""
OUTPUT_BYTES = 65_536
"""What a handler gave back, unless the setting ``worker.output_bytes`` says another."""
MOST_OUTPUT_BYTES = 262_144
ARGUMENT_BYTES = 524_288
"""An argument of a command may be an entity's whole export."""
ENTRIES = 256
"""Entries of a map or a list."""

LIMITED = (Metric, Event, Action, Goal, Outcome, Command)
"""Records that the worker reads."""

_LONGER = {
    "description": TEXT_BYTES,
    "close_reason": TEXT_BYTES,
    "dedupe_key": TEXT_BYTES,
    "cause_id": TEXT_BYTES,
    "error_message": TEXT_BYTES,
    "arguments": ARGUMENT_BYTES,
}
_OUTPUTS = frozenset({"output", "stack_trace", "input_data", "context_snapshot"})


class Excess(NamedTuple):
    """A part of a record that is larger than it may be."""

    field: str
    """Path, such as ``metadata.note`` or ``tags[3].key``."""
    size: int
    limit: int
    unit: str = "bytes"
    """Or entries."""

    @property
    def text(self) -> str:
        return f"field {self.field!r} has {self.size} {self.unit}; at most {self.limit} are taken"


class FieldLimit(NamedTuple):
    """Of one field of a record."""

    text: int
    """Bytes of the text, of each value of a map, of each text in a list."""
    is_container: bool


@cache
def field_limits(record_type: type[Record], output_bytes: int) -> Mapping[str, FieldLimit]:
    """By field; a field without text in it has none. Empty for records that are not limited."""
    found: dict[str, FieldLimit] = {}
    known = inspect.type_info(record_type) if record_type in LIMITED else None
    for field in known.fields if isinstance(known, inspect.StructType) else ():
        options = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        kinds = {type(option) for option in options}
        longest = _LONGER.get(field.name, output_bytes if field.name in _OUTPUTS else ID_BYTES)
        if inspect.DictType in kinds:
            is_text = any(
                isinstance(getattr(x, "value_type", None), inspect.StrType) for x in options
            )
            found[field.name] = FieldLimit(max(longest, TEXT_BYTES) if is_text else ID_BYTES, True)
        elif inspect.VarTupleType in kinds:
            found[field.name] = FieldLimit(longest, True)
        elif inspect.StrType in kinds:
            found[field.name] = FieldLimit(longest, False)
    return found


def excess(record: Record, output_bytes: int = MOST_OUTPUT_BYTES) -> Excess | None:
    """The first part of a record that is too large."""
    return excess_in(type(record), msgspec.structs.asdict(record), output_bytes)


def require_limits(record: Record, prefix: str = "") -> None:
    """Raises InvalidRecord for the first part that is too large; ``prefix`` leads to its field."""
    found = excess(record)
    if found is not None:
        raise InvalidRecord(
            "too large",
            field=f"{prefix}{found.field}",
            value=f"{found.size} {found.unit}",
            remedy=f"at most {found.limit} are taken",
        )


def excess_in(
    record_type: type[Record], fields: Mapping[str, Any], output_bytes: int
) -> Excess | None:
    """The same of the fields of a record, as Avro gives them."""
    for name, limit in field_limits(record_type, output_bytes).items():
        found = _excess(fields[name], name, limit.text)
        if found is not None:
            return found
    return None


def _excess(value: object, path: str, longest: int) -> Excess | None:
    if isinstance(value, str):
        return _too_long(value, path, longest)
    if isinstance(value, Mapping):
        return _excess_of_map(cast("Mapping[str, object]", value), path, longest)
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        if len(items) > ENTRIES:
            return Excess(path, len(items), ENTRIES, "entries")
        return _first(_excess(item, f"{path}[{n}]", longest) for n, item in enumerate(items))
    if isinstance(value, msgspec.Struct):
        return _excess_of_map(msgspec.structs.asdict(value), path, longest)
    return None


def _excess_of_map(entries: Mapping[str, object], path: str, longest: int) -> Excess | None:
    if len(entries) > ENTRIES:
        return Excess(path, len(entries), ENTRIES, "entries")
    return _first(
        _too_long(key, f"{path} (key)", ID_BYTES) or _excess(value, f"{path}.{key}", longest)
        for key, value in entries.items()
    )


def _too_long(text: str, path: str, longest: int) -> Excess | None:
    if 4 * len(text) <= longest:
        return None
    size = len(text.encode())
    return Excess(path, size, longest) if size > longest else None


def _first(found: Iterable[Excess | None]) -> Excess | None:
    return next((each for each in found if each is not None), None)


def stated(record_type: type[Record]) -> str:
    """The limits in words, for the schema's ``doc``."""
    limits = field_limits(record_type, OUTPUT_BYTES)
    longer: dict[int, list[str]] = {}
    for name, limit in limits.items():
        if limit.text > ID_BYTES:
            longer.setdefault(limit.text, []).append(
                f"values of {name}" if limit.is_container else name
            )
    sizes = [f"{', '.join(names)} {size}" for size, names in sorted(longer.items())]
    texts = "; ".join([*sizes, f"{'any other' if sizes else 'each'} text {ID_BYTES}"])
    texts = texts.replace(f" {OUTPUT_BYTES}", f" {OUTPUT_BYTES} (or worker.output_bytes)")
    counted = any(limit.is_container for limit in limits.values())
    entries = f"; lists and maps {ENTRIES} entries, keys {ID_BYTES} bytes" if counted else ""
    return f"Limits in bytes of UTF-8: {texts}{entries}. What is larger is refused."
