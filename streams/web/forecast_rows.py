"""Stored predictions and patterns: of one entity, or a page of all entities of the group."""

from __future__ import annotations

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from streams.records import PatternType
from streams.web.answers import Listing, Refused, answer, nobody_has
from streams.web.forecast_messages import (
    PatternsAnswer,
    PatternsRequest,
    PredictionsAnswer,
    PredictionsRequest,
    RowsRequest,
)
from streams.web.lookup import Lookup
from streams.web.peers import PeerDirectory, is_hop, table_path
from streams.web.relay import Relay
from streams.web.requests import query_as
from streams.web.source import ViewSource

ENTITY_ROWS_MAX = 1000
_HOUR_MS = 3_600_000
_PAGE = 100


class ForecastRows:
    """The routes over the tables ``predictions`` and ``patterns``, whose rows are records."""

    def __init__(self, source: ViewSource, peers: PeerDirectory | None) -> None:
        self._source = source
        self._relay = Relay(source, peers)
        self._lookup = Lookup(source, peers)

    async def predictions(self, request: Request) -> Response:
        asked = query_as(request, PredictionsRequest)
        rows = await self._rows(request, "predictions", asked)
        within = asked.horizon_hours * _HOUR_MS
        body = PredictionsAnswer(
            predictions=[row for row in _values(rows) if _ahead_ms(row) <= within],
            horizon_hours=asked.horizon_hours,
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )
        return answer(body)

    async def patterns(self, request: Request) -> Response:
        asked = query_as(request, PatternsRequest)
        wanted = asked.pattern_type
        _require_pattern_type(wanted)
        rows = await self._rows(request, "patterns", asked)
        body = PatternsAnswer(
            patterns=[
                row for row in _values(rows) if not wanted or row.get("pattern_type") == wanted
            ],
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )
        return answer(body)

    async def _rows(self, request: Request, table: str, asked: RowsRequest) -> Listing:
        if table not in {known.name for known in self._source.tables()}:
            raise Refused(
                404,
                "no such table",
                field="table",
                value=table,
                remedy="GET /tables says what this worker keeps",
            )
        local = is_hop(request)
        if asked.entity_id is not None:
            return await self._rows_of(table, asked.entity_id, local)
        if local:
            return self._lookup.page(table, asked.after, asked.limit)
        return await self._lookup.page_of_all(table, asked.after, asked.limit)

    async def _rows_of(self, table: str, entity: str, local: bool) -> Listing:
        """All rows of an entity, page by page from wherever they are."""
        rows = Listing(table, [], None, [], complete=True)
        after: str | None = entity.replace("%", "%25").replace("/", "%2F") + "/"
        while after is not None and len(rows.items) < ENTITY_ROWS_MAX:
            params = {"after": after, "limit": str(_PAGE)}
            page = await self._relay.ask(entity, table_path(table), params, Listing, local=local)
            page = page or self._lookup.page(table, after, _PAGE)
            partition = self._source.partition_of(entity)
            if partition not in page.partitions:
                # It has moved since the owner was looked for: no rows here means nothing.
                raise nobody_has(partition, "entity_id", entity)
            for item in page.items:
                if self._source.entity_of(table, item.key) != entity:
                    return rows
                rows.items.append(item)
            after = page.next
        return rows


def _values(rows: Listing) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", item.value) for item in rows.items]


def _ahead_ms(prediction: dict[str, Any]) -> float:
    """How long after it was made what is predicted happens, at the latest."""
    happens = prediction.get("predicted_time")
    if happens is None:
        return prediction["horizon_ms"]
    return happens - prediction["timestamp"]


def _require_pattern_type(text: str) -> None:
    types = [kind.value for kind in PatternType]
    if text and text not in types:
        raise Refused(
            400,
            "no such pattern type",
            field="pattern_type",
            value=text,
            remedy=f"use one of {', '.join(types)}",
        )
