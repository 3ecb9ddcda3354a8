"""What the engine has found: predictions and patterns, how many there are, and their export."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from streams.core.transfer import IMPORT
from streams.records import Command, Event, GoalStatus, Pattern, PatternType, Prediction
from streams.web.group.rows import (
    ENTITY_ALIASES,
    Hours,
    Rows,
    RowsAnswer,
    RowsRequest,
    values,
)
from streams.web.group.source import SeriesSource
from streams.web.http.errors import Refused
from streams.web.http.requests import (
    Message,
    Millis,
    Name,
    millis_of,
    now_ms,
    require_one_of,
)
from streams.web.http.routing import AUTONOMOUS, FORECASTING, at

EVENTS_MAX = 10_000
_HOUR_MS = 3_600_000
_PAGE = 500
_PAGES = 10
"""Of each table; rows beyond are not counted, and the answer says so."""


class PredictionsRequest(RowsRequest, frozen=True, kw_only=True):
    """Which predictions are asked for."""

    horizon_hours: Hours = 24
    """Predictions of what lies at most so many hours after they were made."""


class PredictionsAnswer(RowsAnswer, frozen=True, kw_only=True):
    """The latest predictions."""

    predictions: list[object]
    horizon_hours: float


class EntityRequest(Message, frozen=True, kw_only=True):
    """One entity."""

    aliases = ENTITY_ALIASES
    entity_id: Name


class PatternsRequest(RowsRequest, frozen=True, kw_only=True):
    """Which patterns are asked for."""

    pattern_type: str = ""
    """Of this type only; empty for all."""


class PatternsAnswer(RowsAnswer, frozen=True, kw_only=True):
    """What is known to recur."""

    patterns: list[object]


class AnalyzedEvent(Message, frozen=True, kw_only=True):
    """Something that happened."""

    event_type: Name
    timestamp: Millis | datetime
    """Event time, in ms or ISO 8601 (UTC when it names no zone)."""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])


_PARTS = {"events": AnalyzedEvent}


class AnalyzeRequest(Message, frozen=True, kw_only=True):
    """Events of one entity, in any order."""

    aliases = ENTITY_ALIASES
    parts = _PARTS
    events: Annotated[list[AnalyzedEvent], Meta(max_length=EVENTS_MAX)]
    entity_id: Name | None = None
    """Stands in the patterns; the events are what they are judged by."""


class AnalyzeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The patterns of these events, as at the last of them."""

    patterns: tuple[Pattern, ...]
    warnings: tuple[str, ...]
    """Why there are none, when there are too few events."""


class StatisticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows counted now, by every value that they can have."""

    goals_by_status: dict[str, int]
    """Open and lately closed goals."""
    patterns_by_type: dict[str, int]
    """Active and retired patterns that are remembered."""
    complete: bool
    """Whether every row of every partition of the group was counted."""
    unavailable: list[str]
    """Peers that did not answer."""


class ExportRequest(RowsRequest, frozen=True, kw_only=True):
    """What is to be taken along: of one entity, or a page of all."""


class ExportAnswer(RowsAnswer, frozen=True, kw_only=True):
    """Lines for ``goalstream produce commands``, one for each entity."""

    commands: list[Command]


class Predictions:
    """The routes over the tables ``predictions`` and ``states``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @at("GET", f"{FORECASTING}/predictions")
    @at("GET", f"{AUTONOMOUS}/predictions")
    async def predictions(self, query: PredictionsRequest, local: bool) -> PredictionsAnswer:
        """The latest predictions."""
        rows = await self._rows.listing("predictions", query, local=local)
        within = query.horizon_hours * _HOUR_MS
        return PredictionsAnswer(
            predictions=[row for row in values(rows) if _ahead_ms(row) <= within],
            horizon_hours=query.horizon_hours,
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )

    @at("GET", f"{FORECASTING}/predict")
    async def predict(self, query: EntityRequest, local: bool) -> Prediction:
        """The latest prediction of the state, as it was made."""
        return await self._predict(query, local)

    @at("POST", f"{FORECASTING}/predict")
    async def post_predict(self, body: EntityRequest, local: bool) -> Prediction:
        """The same, asked for in a body."""
        return await self._predict(body, local)

    async def _predict(self, asked: EntityRequest, local: bool) -> Prediction:
        prediction = await self._rows.one("states", asked.entity_id, local=local)
        if prediction is None:
            raise Refused(
                404,
                "the state of this entity has not been predicted yet",
                field="entity_id",
                value=asked.entity_id,
                remedy="send metrics that have a capacity: GET /api/forecasting/capacity lists "
                "them",
            )
        return cast("Prediction", prediction)  # the row is the record as JSON has it


class Patterns:
    """The routes over patterns, stored ones and those of the events of a request."""

    def __init__(self, rows: Rows, source: SeriesSource) -> None:
        self._rows = rows
        self._source = source
        # Thousands of events take a while: beside the loop, and never two requests at once.
        self._turn = asyncio.Lock()

    @at("GET", f"{FORECASTING}/patterns")
    async def patterns(self, query: PatternsRequest, local: bool) -> PatternsAnswer:
        """What is known to recur."""
        wanted = query.pattern_type
        require_one_of("pattern_type", wanted, PatternType)
        rows = await self._rows.listing("patterns", query, local=local)
        return PatternsAnswer(
            patterns=[
                row for row in values(rows) if not wanted or row.get("pattern_type") == wanted
            ],
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )

    @at("POST", f"{FORECASTING}/patterns/analyze")
    async def analyze(self, body: AnalyzeRequest) -> AnalyzeAnswer:
        """Patterns of the events of the request. Nothing is stored, nothing changes."""
        events = [_event(body.entity_id or "", n, said) for n, said in enumerate(body.events)]
        async with self._turn:
            found = await asyncio.to_thread(self._source.analyse, events)
        return AnalyzeAnswer(patterns=found.patterns, warnings=found.warnings)


class Knowledge:
    """The routes over all that is known: how much there is, and taking it elsewhere."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @at("GET", f"{FORECASTING}/statistics")
    async def statistics(self, local: bool) -> StatisticsAnswer:
        """Goals by status and patterns by type, up to a bound."""
        missing = set[str]()
        goals, all_goals = await self._count("goals", "status", GoalStatus, missing, local)
        patterns, all_ = await self._count("patterns", "pattern_type", PatternType, missing, local)
        return StatisticsAnswer(
            goals_by_status=goals,
            patterns_by_type=patterns,
            complete=all_goals and all_,
            unavailable=sorted(missing),
        )

    @at("POST", f"{FORECASTING}/export")
    async def export(self, body: ExportRequest, local: bool) -> ExportAnswer:
        """Goals and patterns as commands that import them elsewhere. Nothing changes."""
        if body.entity_id is not None:
            row = await self._rows.one("knowledge", body.entity_id, local=local)
            if row is None:
                raise Refused(
                    404,
                    "nothing is known of this entity",
                    field="entity_id",
                    value=body.entity_id,
                    remedy="GET /tables/knowledge lists the entities",
                )
            return ExportAnswer(commands=[_command(body.entity_id, row)])
        page = await self._rows.page("knowledge", body.after, body.limit, local=local)
        return ExportAnswer(
            commands=[_command(item.key, item.value) for item in page.items],
            next=page.next,
            complete=page.complete,
            unavailable=page.unavailable,
        )

    async def _count(
        self, table: str, field: str, kinds: type[StrEnum], missing: set[str], local: bool
    ) -> tuple[dict[str, int], bool]:
        """Rows by the value of a field, and whether these are all; peers that did not answer are
        added to ``missing``."""
        counts = Counter({kind.value: 0 for kind in kinds})
        complete, after = True, ""
        for _ in range(_PAGES):
            page = await self._rows.page(table, after, _PAGE, local=local)
            counts.update(row[field] for row in values(page))
            complete = complete and page.complete
            missing.update(page.unavailable)
            if page.next is None:
                return dict(counts), complete
            after = page.next
            await asyncio.sleep(0)  # other requests have their turn between pages
        return dict(counts), False


def _ahead_ms(prediction: dict[str, Any]) -> float:
    """How long after it was made what is predicted happens, at the latest."""
    happens = prediction.get("predicted_time")
    if happens is None:
        return prediction["horizon_ms"]
    return happens - prediction["timestamp"]


def _event(entity: str, index: int, said: AnalyzedEvent) -> Event:
    return Event(
        entity_id=entity,
        timestamp=millis_of(said.timestamp, f"events[{index}]."),
        event_id=str(index),
        event_type=said.event_type,
        metadata=said.metadata,
    )


def _command(entity_id: str, knowledge: Any) -> Command:
    return Command(
        entity_id=entity_id,
        timestamp=now_ms(),
        command_id=f"import-{uuid.uuid4()}",
        command=IMPORT,
        arguments={"knowledge": msgspec.json.encode(knowledge).decode()},
    )
