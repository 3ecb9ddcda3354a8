"""Messages and registries for the tests of the wire."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fastavro

from streams.errors import UnknownName
from streams.records import RECORD_TYPES, Metric, Record
from streams.wire.encode import Encoder
from streams.wire.framing import header
from streams.wire.keys import key_of
from streams.wire.registry import EmbeddedRegistry, NotCached
from streams.wire.schemas import parse

NOW = 1_700_000_000_000
TOPICS: dict[str, type[Record]] = {cls.__name__: cls for cls in RECORD_TYPES}


@dataclass(frozen=True)
class Message:
    """What a consumer delivers."""

    value: bytes | None
    key: bytes | None = b"svc-1"
    offset: int = 0
    topic: str = "metrics"
    partition: int = 0
    timestamp: int = NOW
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass
class MemoryRegistry:
    """The embedded schemas and those that a test adds; ``away`` ids must be fetched first."""

    schemas: dict[int, Any] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)
    embedded: EmbeddedRegistry = field(default_factory=EmbeddedRegistry)

    def schema_of(self, schema_id: int) -> Any:
        if schema_id in self.away:
            raise NotCached("not fetched", field="schema_id", value=schema_id)
        if schema_id in self.schemas:
            return self.schemas[schema_id]
        return self.embedded.schema_of(schema_id)

    def pending(self, schema_ids: Iterable[int], /) -> set[int]:
        return self.away & set(schema_ids)

    def fetch(self, schema_ids: Iterable[int], /) -> None:
        self.away -= set(schema_ids)

    def under(self, _subject: str) -> MemoryRegistry:
        return self

    def lookup(self, subject: str, schema: Any) -> int:
        for schema_id, known in self.schemas.items():
            if known == schema:
                return schema_id
        return self.embedded.lookup(subject, schema)

    def register(self, subject: str, schema: Any) -> int:
        raise UnknownName("tests add schemas directly", field="subject", value=subject)


def encoder() -> Encoder:
    """Encodes every record type on a topic of its name, with the embedded ids."""
    made = Encoder(EmbeddedRegistry(), TOPICS)
    made.prepare()
    return made


ENCODER = encoder()


def encode(record: Record) -> bytes:
    return ENCODER.encode(record, type(record).__name__)


def message(record: Record, offset: int = 0) -> Message:
    """A record as it arrives when all is well."""
    name = type(record).__name__
    return Message(encode(record), key_of(record), offset, topic=name)


def framed(schema_id: int, schema: Any, fields: dict[str, Any]) -> bytes:
    """A value written with any schema."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, parse(schema), fields)
    return header(schema_id) + body.getvalue()


def metric(number: int = 0, **changes: Any) -> Metric:
    fields: dict[str, Any] = {
        "entity_id": f"svc-{number % 7}", "timestamp": NOW + number, "name": "cpu_usage",
        "value": float(number), "unit": "percent",
    }  # fmt: skip
    return Metric(**fields | changes)


def metrics(count: int) -> list[Message]:
    """Good messages at offsets 100, 101, …"""
    return [message(metric(number), 100 + number) for number in range(count)]


def renumbered(messages: Iterable[Message]) -> list[Message]:
    return [replace(one, offset=100 + number) for number, one in enumerate(messages)]
