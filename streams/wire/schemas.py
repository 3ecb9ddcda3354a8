"""The package's Avro schemas: read once, one per record type.

Avro schemas are plain JSON values here. Times are read and written as integers (ms), so the
logical type is taken off before fastavro sees a schema.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

import fastavro
from fastavro.types import Schema

from streams.records import RECORD_TYPES, Record
from streams.wire.resources import schema_path

Json = Any
"""A JSON value; the shape of a schema is checked by fastavro, not by types."""

_MILLIS = "timestamp-millis"


def schema_text(record_type: type[Record]) -> str:
    """The schema as published: what a registry gets."""
    return schema_path(record_type.__name__).read_text(encoding="utf-8")


@cache
def schema_json(record_type: type[Record]) -> Json:
    """The schema as published, as JSON. Do not change it."""
    return json.loads(schema_text(record_type))


def published_text(schema: Json) -> str:
    """The text to register: of a package's schema the file itself.

    Some registries find a schema only by the very text that was registered, and the file is
    what other services are given.
    """
    for record_type in RECORD_TYPES:
        if record_type.__name__ == bare_name(schema) and schema_json(record_type) == schema:
            return schema_text(record_type)
    return json.dumps(schema)


@cache
def reader_schema(record_type: type[Record]) -> Schema:
    """The schema into which every version of the record is read; also the one written."""
    return parse(schema_json(record_type))


def parse(schema: Json) -> Schema:
    """Parsed for fastavro, with times as integers. Raises fastavro's errors when invalid."""
    return fastavro.parse_schema(without(schema, "doc", "logicalType"))


def without(schema: Json, *names: str) -> Json:
    """A copy of a schema without the given attributes, at every depth.

    Defaults are values, not schemas, and stay as they are.
    """
    if isinstance(schema, list):
        return [without(item, *names) for item in cast("list[Json]", schema)]
    if isinstance(schema, dict):
        return {
            name: value if name == "default" else without(value, *names)
            for name, value in cast("dict[str, Json]", schema).items()
            if name not in names
        }
    return schema


def fields_of(schema: Json) -> dict[str, Json]:
    """Field name to type of a record schema; empty when it is not a record."""
    if not isinstance(schema, dict):
        return {}
    fields = cast("list[dict[str, Json]]", cast("dict[str, Json]", schema).get("fields", []))
    return {field["name"]: field["type"] for field in fields}


def record_fields(schema: Json) -> set[tuple[str, str]]:
    """(record, field) of every record in a schema, at any depth; records by their bare names."""
    if isinstance(schema, list):
        return {pair for item in cast("list[Json]", schema) for pair in record_fields(item)}
    if not isinstance(schema, dict):
        return set()
    parts = cast("dict[str, Json]", schema)
    fields = fields_of(parts)
    record = bare_name(parts)
    inner = [parts.get("items"), parts.get("values"), *fields.values()]
    if not isinstance(parts.get("type"), str):
        inner.append(parts.get("type"))
    return {(record, name) for name in fields} | record_fields(inner)


def bare_name(schema: Json) -> str:
    """Name of a named type without its namespace; "" for any other."""
    if not isinstance(schema, dict):
        return ""
    return str(cast("dict[str, Json]", schema).get("name", "")).rpartition(".")[2]


def foreign_time_unit(writer: Json, reader: Json) -> str:
    """Name of a time field that the writer measures in another unit than ms; "" when none is.

    Avro resolves both as long, so without this check microseconds would be read as ms.
    """
    ours = fields_of(reader)
    for name, type_ in fields_of(writer).items():
        unit = _logical_type(type_)
        if name in ours and _logical_type(ours[name]) == _MILLIS and unit not in ("", _MILLIS):
            return name
    return ""


def _logical_type(type_: Json) -> str:
    """Logical type of a field, looking into a nullable one."""
    if isinstance(type_, list):
        branches = [_logical_type(branch) for branch in cast("list[Json]", type_)]
        return next((name for name in branches if name), "")
    if isinstance(type_, dict):
        return str(cast("dict[str, Json]", type_).get("logicalType", ""))
    return ""
