"""From a message value to the record's fields, one at a time, whatever version wrote it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

import fastavro
from fastavro.types import Schema

from streams.errors import InvalidRecord, UnknownName
from streams.records import Record
from streams.records.limits import (
    ENTRIES,
    ID_BYTES,
    MOST_OUTPUT_BYTES,
    TEXT_BYTES,
    Excess,
    excess_in,
    field_limits,
)
from streams.wire.framing import HEADER_SIZE, schema_id_of
from streams.wire.lengths import Lengths, too_large
from streams.wire.registry import Schemas
from streams.wire.rejected import Problem, Raw, Reason
from streams.wire.schemas import (
    Json,
    foreign_time_unit,
    parse,
    reader_schema,
    record_fields,
    schema_json,
    without,
)

MAX_VALUE_BYTES = 1_000_000
"""Largest value that is read; brokers refuse larger messages by default."""

Fields = dict[str, Any]
"""Field name to value, as Avro gives it."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A writer's schema and the one it is read into; ``reader`` is None when they are equal."""

    lengths: Lengths
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
        output_bytes: int = MOST_OUTPUT_BYTES,
    ) -> None:
        self.schemas = schemas
        self.record_type = record_type
        self.max_value_bytes = max_value_bytes
        self._pairs: dict[int, _Pair] = {}
        self._limits = field_limits(record_type, output_bytes)
        self._shorts = _Shorts(record_type, output_bytes) if self._limits else None

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
        if isinstance(pair, Problem):
            return pair
        size = len(value)
        if size > TEXT_BYTES and self._limits:
            return pair.lengths.problem(value) or _read_body(value, pair)
        fields = _read_body(value, pair)
        if size <= ID_BYTES or self._shorts is None or isinstance(fields, Problem):
            return fields
        excess = self._shorts.excess(fields)
        return fields if excess is None else too_large(excess)

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
        lengths = Lengths(writer, self._limits)
        if without(writer, "doc") == without(ours, "doc"):
            return _Pair(lengths, reader_schema(self.record_type))
        skips = not record_fields(writer) <= record_fields(ours)
        return _Pair(lengths, parse(writer), reader_schema(self.record_type), skips)


class _Shorts:
    """Looks for what is beyond its limit in records of at most ``TEXT_BYTES``.

    Only ids, names, keys and numbers of entries can be. Of usual ones two looks are enough: the
    longest is short, or all are ASCII and none has too many characters.
    """

    def __init__(self, record_type: type[Record], output_bytes: int) -> None:
        limits = field_limits(record_type, output_bytes)
        self._record_type = record_type
        self._output_bytes = output_bytes
        self._ids = itemgetter(
            *(name for name, x in limits.items() if x.text == ID_BYTES and not x.is_container)
        )
        self._containers = [name for name, limit in limits.items() if limit.is_container]

    def excess(self, fields: Fields) -> Excess | None:
        if not _is_short([text for text in self._ids(fields) if text]):
            return self._exact(fields)
        for name in self._containers:
            entries = fields[name]
            if entries and not (len(entries) <= ENTRIES and _is_short(_texts_in(entries))):
                return self._exact(fields)
        return None

    def _exact(self, fields: Fields) -> Excess | None:
        return excess_in(self._record_type, fields, self._output_bytes)


def _texts_in(entries: dict[str, Any] | list[Any]) -> list[str]:
    """Keys of a map; texts of a list, also those in its records."""
    texts: list[Any] = list(entries)
    if isinstance(texts[0], dict):
        return [text for record in texts for text in record.values()]
    return texts


def _is_short(texts: list[str]) -> bool:
    """Whether all are certainly within ``ID_BYTES``."""
    longest = max(map(len, texts), default=0)
    return 4 * longest <= ID_BYTES or (longest <= ID_BYTES and all(map(str.isascii, texts)))


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
