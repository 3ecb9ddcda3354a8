"""From a message value to the record's fields, one at a time, whatever version wrote it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import fastavro
from fastavro.types import Schema

from streams.errors import InvalidRecord, UnknownName
from streams.records import Record
from streams.wire.framing import HEADER_SIZE, schema_id_of
from streams.wire.registry import Schemas
from streams.wire.rejected import Problem, Raw, Reason
from streams.wire.schemas import (
    Json,
    foreign_time_unit,
    parse,
    reader_schema,
    record_fields,
    schema_json,
)

MAX_VALUE_BYTES = 1_000_000
"""Largest value that is read; brokers refuse larger messages by default."""

Fields = dict[str, Any]
"""Field name to value, as Avro gives it."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A writer's schema and the one it is read into; ``reader`` is None when they are equal."""

    writer: Schema
    reader: Schema | None = None
    skips: bool = False
    """Whether the writer has fields that the reader does not know."""


class BodyReader:
    """Reads values of one record type by the registry's schemas, resolved to the package's."""

    def __init__(
        self,
        schemas: Schemas,
        record_type: type[Record],
        *,
        max_value_bytes: int = MAX_VALUE_BYTES,
    ) -> None:
        self.schemas = schemas
        self.record_type = record_type
        self.max_value_bytes = max_value_bytes
        self._pairs: dict[int, _Pair] = {}

    def unknown_ids(self, raws: Iterable[Raw]) -> set[int]:
        """Schema ids that must be fetched before these messages can be read."""
        heads = {raw.value[:HEADER_SIZE] for raw in raws if raw.value}
        ids = {schema_id_of(head) for head in heads}
        return self.schemas.pending(id_ for id_ in ids if id_ is not None)

    def read(self, value: bytes | None) -> Fields | Problem:
        """All fields of the record, times in ms; raises NotCached for an id never fetched."""
        if not value:
            return Problem(Reason.EMPTY, "the message has no value; publish a record")
        if len(value) > self.max_value_bytes:
            detail = f"value of {len(value)} bytes; keep it below {self.max_value_bytes}"
            return Problem(Reason.TOO_LARGE, detail)
        schema_id = schema_id_of(value)
        if schema_id is None:
            detail = f"value starts with {value[:HEADER_SIZE].hex()}; expected 00 and a schema id"
            return Problem(Reason.NOT_FRAMED, detail)
        pair = self._pair(schema_id)
        return pair if isinstance(pair, Problem) else _read_body(value, pair)

    def _pair(self, schema_id: int) -> _Pair | Problem:
        if schema_id in self._pairs:
            return self._pairs[schema_id]
        try:
            self._pairs[schema_id] = pair = self._resolve(self.schemas.schema_of(schema_id))
        except UnknownName as error:
            return Problem(Reason.UNKNOWN_SCHEMA, str(error))
        except InvalidRecord as error:
            return Problem(Reason.UNDECODABLE, str(error))
        return pair

    def _resolve(self, writer: Json) -> _Pair:
        ours = schema_json(self.record_type)
        field = foreign_time_unit(writer, ours)
        if field:
            raise InvalidRecord(
                "the writer's schema measures a time in another unit",
                field=field,
                value="see its logicalType",
                remedy="write timestamp-millis",
            )
        if writer == ours:
            return _Pair(reader_schema(self.record_type))
        skips = not record_fields(writer) <= record_fields(ours)
        return _Pair(parse(writer), reader_schema(self.record_type), skips)


def _read_body(value: bytes, pair: _Pair) -> Fields | Problem:
    stream = io.BytesIO(value)
    try:
        if pair.skips:  # fastavro does not see that a field ends early when it skips it
            _read(stream, pair.writer, None)
        fields = _read(stream, pair.writer, pair.reader)
    except EOFError:
        return Problem(Reason.UNDECODABLE, "the value ends before the record does")
    except MemoryError:  # not the record's fault: its size is limited
        raise
    except Exception as error:  # foreign bytes make the reader raise many kinds of errors
        detail = f"body does not follow its schema: {type(error).__name__}: {error}"
        return Problem(Reason.UNDECODABLE, detail)
    left = len(value) - stream.tell()
    if left:
        return Problem(Reason.TRAILING_BYTES, f"{left} bytes are left over behind the record")
    return fields


def _read(stream: io.BytesIO, writer: Schema, reader: Schema | None) -> Fields:
    stream.seek(HEADER_SIZE)
    # fastavro's stub leaves IO without its type argument
    fields = fastavro.schemaless_reader(  # pyright: ignore[reportUnknownMemberType]
        stream, writer, reader
    )
    return cast(Fields, fields)
