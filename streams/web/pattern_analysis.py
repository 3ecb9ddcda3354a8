"""What events show that a reader sends along: nothing is stored, nothing changes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from streams.records import Event, Pattern
from streams.web.answers import answer
from streams.web.ingest import Millis, millis_of
from streams.web.requests import Message, Name, body_as, query
from streams.web.source import SeriesSource

EVENTS_MAX = 10_000


class AnalyzedEvent(Message, frozen=True, kw_only=True):
    """Something that happened."""

    event_type: Name
    timestamp: Millis | datetime
    """Event time, in ms or ISO 8601 (UTC when it names no zone)."""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])


_PARTS = {"events": AnalyzedEvent}
_ALIASES = {"entity": "entity_id"}


class AnalyzeRequest(Message, frozen=True, kw_only=True):
    """Events of one entity, in any order."""

    aliases = _ALIASES
    parts = _PARTS
    events: Annotated[list[AnalyzedEvent], Meta(max_length=EVENTS_MAX)]
    entity_id: Name | None = None
    """Stands in the patterns; the events are what they are judged by."""


class AnalyzeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The patterns of these events, as at the last of them."""

    patterns: tuple[Pattern, ...]
    warnings: tuple[str, ...]
    """Why there are none, when there are too few events."""


class PatternAnalysis:
    """The route that looks for patterns in the events of its request."""

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        # Thousands of events take a while: beside the loop, and never two requests at once.
        self._turn = asyncio.Lock()

    async def analyze(self, request: Request) -> Response:
        query(request, ())
        asked = await body_as(request, AnalyzeRequest)
        events = [_event(asked.entity_id or "", at, said) for at, said in enumerate(asked.events)]
        async with self._turn:
            found = await asyncio.to_thread(self._source.analyse, events)
        return answer(AnalyzeAnswer(patterns=found.patterns, warnings=found.warnings))


def _event(entity: str, index: int, said: AnalyzedEvent) -> Event:
    return Event(
        entity_id=entity,
        timestamp=millis_of(said.timestamp, f"events[{index}]."),
        event_id=str(index),
        event_type=said.event_type,
        metadata=said.metadata,
    )
