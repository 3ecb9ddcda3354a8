"""Random records of every type, within the rules that hold for all records."""

from __future__ import annotations

import enum
import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from streams.records import RECORD_TYPES, Record

TIME_FIELDS = frozenset(
    {
        "timestamp", "deadline", "created_at", "closed_at", "met_since", "requested_at",
        "start_time", "end_time", "scheduled_time", "expires_at", "predicted_time",
        "last_occurrence", "next_occurrence", "prediction_time", "started_at", "ended_at",
    }
)  # fmt: skip

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
OWNER = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x1f"), min_size=1)
LONG = st.integers(-(2**63), 2**63 - 1)
TIME = st.integers(1, 253_402_300_799_999)
DOUBLE = st.floats(allow_nan=False, allow_infinity=False)


def optional(hint: Any) -> Any | None:
    """X of a hint ``X | None``; None for any other hint."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return None
    first, second = typing.get_args(hint)
    assert second is type(None)
    return first


def values(hint: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a field of this name and type."""
    if name in ("entity_id", "loop_id", "name"):
        return OWNER
    if name in TIME_FIELDS and hint is int:
        return TIME
    inner = optional(hint)
    if inner is not None:
        return st.none() | values(inner, name)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXT, values(arguments[1]), max_size=3)
    if issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if issubclass(hint, msgspec.Struct):
        return structs(hint)
    plain = {str: TEXT, bool: st.booleans(), int: LONG, float: DOUBLE, bytes: st.binary(max_size=8)}
    return plain[hint]


def structs(struct: type[Any]) -> st.SearchStrategy[Any]:
    """Instances of a record or of a nested record."""
    hints = typing.get_type_hints(struct)
    names = struct.__struct_fields__
    return st.builds(struct, **{name: values(hints[name], name) for name in names})


def records(*kinds: type[Record]) -> st.SearchStrategy[Record]:
    """Records of the given types, or of all."""
    return st.one_of([structs(kind) for kind in kinds or RECORD_TYPES])
