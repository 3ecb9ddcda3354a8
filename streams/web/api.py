"""The routes of the forecasting and the autonomous API, and their description."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.core.capacity.capacity_report import CapacityReport
from streams.records import Goal, Prediction
from streams.web.answers import answer
from streams.web.autonomous_api import autonomous_endpoints
from streams.web.forecast_messages import (
    AccuracyAnswer,
    EntityRequest,
    ForecastAnswer,
    ForecastRequest,
    HealthAnswer,
    MethodsAnswer,
    PatternsAnswer,
    PatternsRequest,
    PredictionsAnswer,
    PredictionsRequest,
    SeriesRequest,
)
from streams.web.forecast_rows import ForecastRows
from streams.web.forecasting import PREFIX, Forecasting
from streams.web.goals import Goals, GoalsAnswer, GoalsRequest
from streams.web.ingest import EventMessage, Ingest, MetricBatch, MetricMessage, WrittenAnswer
from streams.web.openapi import Endpoint, document
from streams.web.options import WebOptions
from streams.web.pattern_analysis import AnalyzeAnswer, AnalyzeRequest, PatternAnalysis
from streams.web.peers import PeerDirectory
from streams.web.requests import query
from streams.web.row_counts import RowCounts, StatisticsAnswer
from streams.web.rows import Rows
from streams.web.source import ViewSource


def api_routes(source: ViewSource, peers: PeerDirectory | None, web: WebOptions) -> list[Route]:
    """Everything under ``/api/forecasting`` and ``/api/autonomous``, and ``/openapi.json``, which
    describes it.

    The routes that write refuse everybody while ``web`` has no token.
    """
    endpoints = _endpoints(source, peers, writable=web.token is not None)
    described = document("goalstream", endpoints)

    async def openapi(request: Request) -> Response:
        query(request, ())
        return answer(described)

    by_path = groupby(endpoints, key=lambda endpoint: endpoint.path)
    routes = [_route(path, list(group)) for path, group in by_path]
    return [*routes, Route("/openapi.json", openapi)]


def _endpoints(
    source: ViewSource, peers: PeerDirectory | None, *, writable: bool
) -> list[Endpoint]:
    """Those of one path stand together."""
    rows, ingest = Rows(source, peers), Ingest(source, writable=writable)
    return [
        *_forecasting(Forecasting(source, peers, writable=writable)),
        *_stored(rows),
        *_goals(rows),
        Endpoint(
            "POST",
            f"{PREFIX}/patterns/analyze",
            PatternAnalysis(source).analyze,
            "patterns of the events of the request",
            AnalyzeAnswer,
            AnalyzeRequest,
        ),
        *_writing(ingest),
        *autonomous_endpoints(source, rows, ingest, writable=writable),
    ]


def _forecasting(reads: Forecasting) -> list[Endpoint]:
    forecast, accuracy = f"{PREFIX}/forecast", f"{PREFIX}/accuracy"
    return [
        Endpoint("GET", f"{PREFIX}/health", reads.health, "state of the API", HealthAnswer),
        Endpoint("GET", f"{PREFIX}/methods", reads.methods, "methods by name", MethodsAnswer),
        Endpoint("GET", f"{PREFIX}/capacity", reads.capacity, "capacities", CapacityReport),
        Endpoint("GET", forecast, reads.forecast, "forecast", ForecastAnswer, ForecastRequest),
        Endpoint("POST", forecast, reads.post_forecast, "same", ForecastAnswer, ForecastRequest),
        Endpoint("GET", accuracy, reads.accuracy, "errors", AccuracyAnswer, SeriesRequest),
        Endpoint(
            "GET",
            f"{accuracy}/{{entity_id}}/{{metric_name:path}}",
            reads.accuracy_of,
            "errors of past forecasts of a series",
            AccuracyAnswer,
        ),
    ]


def _stored(rows: Rows) -> list[Endpoint]:
    stored, predict = ForecastRows(rows), f"{PREFIX}/predict"
    return [
        Endpoint(
            "GET",
            f"{PREFIX}/predictions",
            stored.predictions,
            "latest predictions",
            PredictionsAnswer,
            PredictionsRequest,
        ),
        Endpoint(
            "GET",
            f"{PREFIX}/patterns",
            stored.patterns,
            "patterns",
            PatternsAnswer,
            PatternsRequest,
        ),
        Endpoint("GET", predict, stored.predict, "predicted state", Prediction, EntityRequest),
        Endpoint("POST", predict, stored.post_predict, "same", Prediction, EntityRequest),
    ]


def _goals(rows: Rows) -> list[Endpoint]:
    goals, path = Goals(rows), f"{PREFIX}/goals"
    return [
        Endpoint("GET", path, goals.goals, "goals", GoalsAnswer, GoalsRequest),
        Endpoint("GET", f"{path}/{{entity_id}}/{{goal_id:path}}", goals.goal, "a goal", Goal),
        Endpoint(
            "GET",
            f"{PREFIX}/statistics",
            RowCounts(rows).statistics,
            "goals by status, patterns by type",
            StatisticsAnswer,
        ),
    ]


def _writing(writes: Ingest) -> list[Endpoint]:
    return [
        Endpoint(
            "POST",
            f"{PREFIX}/metrics",
            writes.metric,
            "write a metric",
            WrittenAnswer,
            MetricMessage,
            202,
        ),
        Endpoint(
            "POST",
            f"{PREFIX}/metrics/batch",
            writes.metrics,
            "write metrics, all or none",
            WrittenAnswer,
            MetricBatch,
            202,
        ),
        Endpoint(
            "POST",
            f"{PREFIX}/events",
            writes.event,
            "write an event",
            WrittenAnswer,
            EventMessage,
            202,
        ),
    ]


def _route(path: str, endpoints: Sequence[Endpoint]) -> Route:
    handlers = {endpoint.method: endpoint.handler for endpoint in endpoints}

    async def handle(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, handle, methods=list(handlers))
