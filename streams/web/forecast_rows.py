"""Stored predictions and patterns: of one entity, or a page of all entities of the group."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from streams.records import PatternType
from streams.web.answers import Refused, answer
from streams.web.forecast_messages import (
    EntityRequest,
    PatternsAnswer,
    PatternsRequest,
    PredictionsAnswer,
    PredictionsRequest,
)
from streams.web.requests import body_as, query, query_as, require_one_of
from streams.web.rows import Rows, values

_HOUR_MS = 3_600_000


class ForecastRows:
    """The routes over the tables ``predictions``, ``patterns`` and ``states`` of records."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def predictions(self, request: Request) -> Response:
        asked = query_as(request, PredictionsRequest)
        rows = await self._rows.listing(request, "predictions", asked)
        within = asked.horizon_hours * _HOUR_MS
        body = PredictionsAnswer(
            predictions=[row for row in values(rows) if _ahead_ms(row) <= within],
            horizon_hours=asked.horizon_hours,
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )
        return answer(body)

    async def patterns(self, request: Request) -> Response:
        asked = query_as(request, PatternsRequest)
        wanted = asked.pattern_type
        require_one_of("pattern_type", wanted, PatternType)
        rows = await self._rows.listing(request, "patterns", asked)
        body = PatternsAnswer(
            patterns=[
                row for row in values(rows) if not wanted or row.get("pattern_type") == wanted
            ],
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )
        return answer(body)

    async def predict(self, request: Request) -> Response:
        return await self._predict(request, query_as(request, EntityRequest))

    async def post_predict(self, request: Request) -> Response:
        query(request, ())
        return await self._predict(request, await body_as(request, EntityRequest))

    async def _predict(self, request: Request, asked: EntityRequest) -> Response:
        """The latest prediction of the state, as it was made."""
        prediction = await self._rows.one(request, "states", asked.entity_id)
        if prediction is None:
            raise Refused(
                404,
                "the state of this entity has not been predicted yet",
                field="entity_id",
                value=asked.entity_id,
                remedy="send metrics that have a capacity: GET /api/forecasting/capacity lists "
                "them",
            )
        return answer(prediction)


def _ahead_ms(prediction: dict[str, Any]) -> float:
    """How long after it was made what is predicted happens, at the latest."""
    happens = prediction.get("predicted_time")
    if happens is None:
        return prediction["horizon_ms"]
    return happens - prediction["timestamp"]
