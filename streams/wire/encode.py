"""From records to message values, without a question to the registry per record."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
import msgspec
from fastavro.types import Schema

from streams.errors import InvalidRecord, UnknownName
from streams.records import Record
from streams.wire.framing import header
from streams.wire.registry import Registry, subject_name
from streams.wire.schemas import reader_schema, schema_json


class Encoder:
    """Encodes records for the topics it is told of.

    ``topics`` maps each Kafka topic to the record type that travels on it. ``prepare`` must
    have succeeded before the first ``encode``.
    """

    def __init__(self, registry: Registry, topics: Mapping[str, type[Record]]) -> None:
        self._registry = registry
        self._topics = dict(topics)
        self._plans: dict[str, tuple[type[Record], bytes, Schema]] = {}

    def prepare(self) -> None:
        """Look up the schema ids of all topics; blocks on the registry.

        Raises Unavailable (try again later), or UnknownName when a schema is not registered.
        """
        for topic, record_type in self._topics.items():
            schema_id = self._registry.lookup(subject_name(topic), schema_json(record_type))
            self._plans[topic] = (record_type, header(schema_id), reader_schema(record_type))

    def encode(self, record: Record, topic: str) -> bytes:
        """The message value. Raises InvalidRecord when the record does not fit the topic."""
        record_type, head, schema = self._plan(topic)
        if type(record) is not record_type:
            raise InvalidRecord(
                f"topic {topic} carries {record_type.__name__} records",
                field="record",
                value=type(record).__name__,
                remedy="publish it on the topic of its type",
            )
        body = io.BytesIO()
        body.write(head)
        fields: Any = msgspec.to_builtins(record, builtin_types=(bytes,))
        try:
            # fastavro's stub leaves IO without its type argument
            fastavro.schemaless_writer(  # pyright: ignore[reportUnknownMemberType]
                body, schema, fields
            )
        except Exception as error:  # a value of a wrong type makes it raise many kinds
            fault = _fault(fields, record_type, error)
            raise InvalidRecord(
                f"{record_type.__name__} does not fit its schema: {fault}",
                field="record",
                value=record.entity_id,
                remedy="give every field a value of its declared type",
            ) from error
        return body.getvalue()

    def _plan(self, topic: str) -> tuple[type[Record], bytes, Schema]:
        try:
            return self._plans[topic]
        except KeyError:
            raise UnknownName(
                "topic was not prepared for encoding",
                field="topic",
                value=topic,
                remedy="name it in the encoder's topics and call prepare first",
            ) from None


def _fault(fields: Any, record_type: type[Record], error: Exception) -> str:
    """What is wrong, with the field's name, which fastavro leaves out for most types."""
    try:
        msgspec.convert(fields, record_type)
    except msgspec.ValidationError as named:
        return str(named)
    return str(error)
