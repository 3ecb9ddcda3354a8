"""Many framed metrics as one Avro object container, read in columns."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import cast

import fastavro
import polars as pl
from polars.exceptions import PanicException, PolarsError

from streams.records import Metric
from streams.wire.avro_lengths import Shape, Table
from streams.wire.framing import HEADER_SIZE
from streams.wire.schemas import Json, bare_name, fields_of, schema_json

COLUMNS = ("entity_id", "entity_type", "name", "value", "timestamp", "correlation_id")
"""What the core needs of a metric; a writer's schema without one of them is not for columns."""

_SYNC = bytes(16)
_FRAME = "_frame"
"""The five bytes in front of each body are read as a field of their own, and left out."""


@dataclass(frozen=True, slots=True)
class Container:
    """How to read the messages of one writer's schema in columns."""

    shapes: tuple[Shape, ...]
    """Of the writer's fields, in their order."""
    fields: list[str]
    head: bytes

    def read(self, count: int, data: bytes) -> pl.DataFrame | None:
        """All fields of ``count`` framed values in one run of bytes, their lengths proven.

        None when a text among them is not UTF-8.
        """
        parts = (self.head, _zigzag(count), _zigzag(len(data)), data, _SYNC)
        try:
            return pl.read_avro(io.BytesIO(b"".join(parts)), columns=self.fields)
        except (PolarsError, PanicException):  # a panic would be no Exception and end the worker
            return None


def container(writer: Json) -> Container | None:
    """None when the schema has types, or lacks fields, so that columns would differ from Avro's
    own resolution into the package's schema; then records are read one by one."""
    theirs, ours = fields_of(writer), fields_of(schema_json(Metric))
    if bare_name(writer) != Metric.__name__ or not theirs.keys() >= set(COLUMNS):
        return None
    shapes: list[Shape] = []
    for name, type_ in theirs.items():
        shape = _shape(type_)
        if shape is None or (name in ours and _plain(type_) != _plain(ours[name])):
            return None
        shapes.append(shape)
    return Container(tuple(shapes), list(theirs), _head(theirs))


def _plain(type_: Json) -> Json:
    """A type without what does not change its bytes; named types by their bare names."""
    if not isinstance(type_, dict):
        return type_
    parts = cast("dict[str, Json]", type_)
    if parts["type"] == "array":
        return {"type": "array", "items": _plain(parts["items"])}
    if parts["type"] == "record":
        fields = [{"name": n, "type": _plain(t)} for n, t in fields_of(parts).items()]
        return {"type": "record", "name": bare_name(parts), "fields": fields}
    return parts["type"] if parts["type"] in ("string", "long", "double") else parts


def _shape(type_: Json) -> Shape | None:
    """What the walk needs to know of a field; None for a type that is not for columns."""
    plain = _plain(type_)
    if plain in ("string", "long", "double"):
        return cast(str, plain)
    items = cast("dict[str, Json]", plain).get("items") if isinstance(plain, dict) else None
    texts = fields_of(items)
    return Table(len(texts)) if texts and set(map(str, texts.values())) == {"string"} else None


def _head(fields: dict[str, Json]) -> bytes:
    """Container header; the schema in it has no defaults, which polars refuses."""
    frame = {"name": _FRAME, "type": {"type": "fixed", "name": "Frame", "size": HEADER_SIZE}}
    columns = [{"name": name, "type": _plain(type_)} for name, type_ in fields.items()]
    schema = {"type": "record", "name": "Framed", "fields": [frame, *columns]}
    head = io.BytesIO()
    # fastavro's stub leaves IO without its type argument
    fastavro.schemaless_writer(  # pyright: ignore[reportUnknownMemberType]
        head,
        {"type": "map", "values": "bytes"},
        {"avro.schema": json.dumps(schema).encode(), "avro.codec": b"null"},
    )
    return b"Obj\x01" + head.getvalue() + _SYNC


def _zigzag(number: int) -> bytes:
    """A number of 0 or more as an Avro long."""
    number <<= 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
