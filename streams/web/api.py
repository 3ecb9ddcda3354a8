"""The routes of the forecasting API, and their description."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.core.states.capacity_report import CapacityReport
from streams.web.answers import answer
from streams.web.forecast_messages import (
    AccuracyAnswer,
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
from streams.web.ingest import EventMessage, Ingest, MetricBatch, MetricMessage, WrittenAnswer
from streams.web.openapi import Endpoint, document
from streams.web.options import WebOptions
from streams.web.peers import PeerDirectory
from streams.web.requests import query
from streams.web.source import ViewSource


def api_routes(source: ViewSource, peers: PeerDirectory | None, web: WebOptions) -> list[Route]:
    """Everything under ``/api/forecasting``, and ``/openapi.json``, which describes it.

    The routes that write refuse everybody while ``web`` has no token.
    """
    endpoints = _endpoints(source, peers, writable=web.token is not None)
    described = document("goalstream forecasting", endpoints)

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
    reads = Forecasting(source, peers, writable=writable)
    rows = ForecastRows(source, peers)
    writes = Ingest(source, writable=writable)
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
        Endpoint(
            "GET",
            f"{PREFIX}/predictions",
            rows.predictions,
            "latest predictions",
            PredictionsAnswer,
            PredictionsRequest,
        ),
        Endpoint(
            "GET",
            f"{PREFIX}/patterns",
            rows.patterns,
            "patterns",
            PatternsAnswer,
            PatternsRequest,
        ),
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
