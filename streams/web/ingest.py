"""Metrics and events that come in over HTTP and go to Kafka, all of a request or none."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from streams.records import Event, Metric, Record, Tag
from streams.web.answers import Refused, answer
from streams.web.requests import Message, Name, body_as
from streams.web.source import SeriesSource
from streams.wire.checks import LAST_TIMESTAMP

BATCH_MAX = 1000
SYSTEM = "system"
"""Entity of what is said of no entity in particular."""

_METRIC_ALIASES = {"entity": "entity_id", "metric": "name", "metric_name": "name"}
_EVENT_ALIASES = {"entity": "entity_id"}

Millis = Annotated[int, Meta(ge=1, le=LAST_TIMESTAMP)]


class MetricMessage(Message, frozen=True, kw_only=True):
    """One measurement."""

    aliases = _METRIC_ALIASES
    entity_id: Name
    name: Name
    value: float
    timestamp: Millis | datetime | None = None
    """Event time, in ms or ISO 8601 (UTC when it names no zone); now when absent."""
    unit: str = ""
    source: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    entity_type: str = "service"
    correlation_id: str = ""


_BATCH_PARTS = {"metrics": MetricMessage}


class MetricBatch(Message, frozen=True, kw_only=True):
    """Measurements that are accepted together or not at all."""

    parts = _BATCH_PARTS
    metrics: Annotated[list[MetricMessage], Meta(min_length=1, max_length=BATCH_MAX)]


class SystemMetricMessage(MetricMessage, frozen=True, kw_only=True):
    """One measurement; of the whole system when it names no entity."""

    entity_id: Name = SYSTEM


class EventMessage(Message, frozen=True, kw_only=True):
    """Something that happened."""

    aliases = _EVENT_ALIASES
    entity_id: Name
    event_type: Name
    timestamp: Millis | datetime | None = None
    """Event time, in ms or ISO 8601 (UTC when it names no zone); now when absent."""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    source: str = ""
    event_id: str = ""
    """Give one to make repeats harmless; made up when empty."""
    entity_type: str = "service"
    correlation_id: str = ""


class SystemEventMessage(EventMessage, frozen=True, kw_only=True):
    """Something that happened; to the whole system when it names no entity."""

    entity_id: Name = SYSTEM


class WrittenRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the broker put a record."""

    partition: int
    offset: int
    timestamp: int
    """Event time, ms."""
    event_id: str = ""


class WrittenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Records that the broker has acknowledged, in the order of the request."""

    accepted: int
    topic: str
    records: list[WrittenRecord]


class Ingest:
    """The routes that write. They need a token to be set: whoever reaches an open port may only
    read."""

    def __init__(self, source: SeriesSource, *, writable: bool) -> None:
        self._source = source
        self._writable = writable

    async def metric(self, request: Request) -> Response:
        return await self._metric(request, MetricMessage)

    async def system_metric(self, request: Request) -> Response:
        return await self._metric(request, SystemMetricMessage)

    async def metrics(self, request: Request) -> Response:
        require_token(writable=self._writable)
        batch, now = await body_as(request, MetricBatch), now_ms()
        records = [
            _metric(message, now, f"metrics[{index}].")
            for index, message in enumerate(batch.metrics)
        ]
        return await self._write("metrics", records)

    async def event(self, request: Request) -> Response:
        return await self._event(request, EventMessage)

    async def system_event(self, request: Request) -> Response:
        return await self._event(request, SystemEventMessage)

    async def _metric(self, request: Request, kind: type[MetricMessage]) -> Response:
        require_token(writable=self._writable)
        message = await body_as(request, kind)
        return await self._write("metrics", [_metric(message, now_ms())])

    async def _event(self, request: Request, kind: type[EventMessage]) -> Response:
        require_token(writable=self._writable)
        message = await body_as(request, kind)
        event = Event(
            entity_id=message.entity_id,
            entity_type=message.entity_type,
            timestamp=moment_of(message.timestamp, now_ms()),
            correlation_id=message.correlation_id,
            event_id=message.event_id or str(uuid.uuid4()),
            event_type=message.event_type,
            source=message.source,
            metadata=message.metadata,
        )
        return await self._write("events", [event])

    async def _write(self, topic: str, records: Sequence[Record]) -> Response:
        written = await self._source.publish(topic, records)
        body = WrittenAnswer(
            accepted=len(records),
            topic=written[0].topic,
            records=[
                WrittenRecord(
                    partition=at.partition,
                    offset=at.offset,
                    timestamp=record.timestamp,
                    event_id=record.event_id if isinstance(record, Event) else "",
                )
                for record, at in zip(records, written, strict=True)
            ],
        )
        return answer(body, 202)


def _metric(message: MetricMessage, now: int, prefix: str = "") -> Metric:
    """The record; ``prefix`` is what leads to its fields in the request."""
    if not math.isfinite(message.value):
        raise _bad(f"{prefix}value", message.value, "use a finite number")
    return Metric(
        entity_id=message.entity_id,
        entity_type=message.entity_type,
        timestamp=moment_of(message.timestamp, now, prefix),
        correlation_id=message.correlation_id,
        name=message.name,
        value=message.value,
        unit=message.unit,
        source=message.source,
        tags=tuple(Tag(key, value) for key, value in message.tags.items()),
    )


def require_token(*, writable: bool) -> None:
    """Refused with 403 unless a token is set: whoever reaches an open port may only read."""
    if not writable:
        raise Refused(
            403,
            "what changes anything is accepted from readers with a token only, and none is set",
            field="web.token_file",
            remedy="set web.token_file (openssl rand -hex 32 > FILE), restart, and send "
            "'Authorization: Bearer' with the token",
        )


def millis_of(given: int | datetime, prefix: str = "", name: str = "timestamp") -> int:
    """A moment in ms; Refused when it lies before 1970. ``prefix`` leads to its field ``name`` in
    the request."""
    if isinstance(given, int):
        return given
    aware = given if given.tzinfo else given.replace(tzinfo=UTC)
    millis = round(aware.timestamp() * 1000)
    if not 1 <= millis <= LAST_TIMESTAMP:
        raise _bad(f"{prefix}{name}", given.isoformat(), "use a time from 1970 on")
    return millis


def moment_of(given: int | datetime | None, now: int, prefix: str = "") -> int:
    """A moment in ms, ``now`` when none is given."""
    return now if given is None else millis_of(given, prefix)


def _bad(field: str, value: object, remedy: str) -> Refused:
    return Refused(422, "out of range", field=field, value=value, remedy=remedy)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
