"""Metrics and events that come in over HTTP and go to Kafka, all of a request or none."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from streams.core.kernel.clocks import unit_of
from streams.records import Event, Metric, Record, Role, Tag
from streams.records.limits import excess
from streams.web.group.source import SeriesSource
from streams.web.http.requests import Message, Millis, Name, millis_of, now_ms, out_of_range
from streams.web.http.routing import AUTONOMOUS, FORECASTING, at

BATCH_MAX = 1000
SYSTEM = "system"
"""Entity of what is said of no entity in particular."""

_METRIC_ALIASES = {"entity": "entity_id", "metric": "name", "metric_name": "name"}
_EVENT_ALIASES = {"entity": "entity_id"}


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
    """The routes that write what was measured and what happened."""

    def __init__(self, source: SeriesSource) -> None:
        self._source = source

    @at("POST", f"{FORECASTING}/metrics", 202, role=Role.OPERATOR)
    async def metric(self, body: MetricMessage) -> WrittenAnswer:
        """Write a metric."""
        return await self._write("metrics", [_metric(body, now_ms())])

    @at("POST", f"{AUTONOMOUS}/metrics", 202, role=Role.OPERATOR)
    async def system_metric(self, body: SystemMetricMessage) -> WrittenAnswer:
        """Write a metric, of the whole system when it names no entity."""
        return await self.metric(body)

    @at("POST", f"{FORECASTING}/metrics/batch", 202, role=Role.OPERATOR)
    async def metrics(self, body: MetricBatch) -> WrittenAnswer:
        """Write metrics, all or none."""
        now = now_ms()
        records = [
            _metric(message, now, f"metrics[{index}].")
            for index, message in enumerate(body.metrics)
        ]
        return await self._write("metrics", records)

    @at("POST", f"{FORECASTING}/events", 202, role=Role.OPERATOR)
    async def event(self, body: EventMessage) -> WrittenAnswer:
        """Write an event."""
        event = Event(
            entity_id=body.entity_id,
            entity_type=body.entity_type,
            timestamp=_moment(body.timestamp, now_ms()),
            correlation_id=body.correlation_id,
            event_id=body.event_id or str(uuid.uuid4()),
            event_type=body.event_type,
            source=body.source,
            metadata=body.metadata,
        )
        _check_size(event)
        return await self._write("events", [event])

    @at("POST", f"{AUTONOMOUS}/events", 202, role=Role.OPERATOR)
    async def system_event(self, body: SystemEventMessage) -> WrittenAnswer:
        """Write an event, to the whole system when it names no entity."""
        return await self.event(body)

    async def _write(self, topic: str, records: Sequence[Record]) -> WrittenAnswer:
        written = await self._source.publish(topic, records)
        return WrittenAnswer(
            accepted=len(records),
            topic=written[0].topic,
            records=[
                WrittenRecord(
                    partition=place.partition,
                    offset=place.offset,
                    timestamp=record.timestamp,
                    event_id=record.event_id if isinstance(record, Event) else "",
                )
                for record, place in zip(records, written, strict=True)
            ],
        )


def _metric(message: MetricMessage, now: int, prefix: str = "") -> Metric:
    """The record; ``prefix`` is what leads to its fields in the request."""
    if not math.isfinite(message.value):
        raise out_of_range(f"{prefix}value", message.value, "use a finite number")
    metric = Metric(
        entity_id=message.entity_id,
        entity_type=message.entity_type,
        timestamp=_moment(message.timestamp, now, prefix),
        correlation_id=message.correlation_id,
        name=message.name,
        value=message.value,
        unit=message.unit,
        source=message.source,
        tags=tuple(Tag(key, value) for key, value in message.tags.items()),
    )
    _check_size(metric, prefix)
    return metric


def _check_size(record: Record, prefix: str = "") -> None:
    """Refused with 422 and the field of whatever a worker would not take."""
    found = excess(record)
    if found is not None:
        size, limit = f"{found.size} {found.unit}", f"send at most {found.limit}"
        raise out_of_range(f"{prefix}{found.field}", size, limit)


def _moment(given: int | datetime | None, now: int, prefix: str = "") -> int:
    """A moment in ms, ``now`` when none is given."""
    if given is None:
        return now
    moment = millis_of(given, prefix)
    unit = unit_of(moment)
    if unit:
        remedy = f"it looks like {unit}: use ms since the epoch, or ISO 8601"
        raise out_of_range(f"{prefix}timestamp", given, remedy)
    return moment
