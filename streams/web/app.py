"""The routes."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams import __version__
from streams.errors import GoalstreamError
from streams.web.answers import Claims, Refused, answer, plain, refusal
from streams.web.api import api_routes
from streams.web.dashboard import dashboard
from streams.web.guard import Guard
from streams.web.lookup import Lookup
from streams.web.options import WebOptions
from streams.web.peers import PeerDirectory, is_hop, table_path
from streams.web.requests import query
from streams.web.source import Health, TableInfo, ViewSource, status_of

NAME = "goalstream"
LIMIT_DEFAULT = 100
LIMIT_MAX = 1000


def create_app(
    source: ViewSource,
    registry: CollectorRegistry,
    web: WebOptions,
    peers: PeerDirectory | None = None,
) -> Starlette:
    """The views of one worker as an ASGI app; without ``peers`` it knows its own rows only."""
    views = _Views(source, registry, peers)
    app = Starlette(
        routes=[
            Route("/api", views.api),
            Route("/health", views.health),
            Route("/health/live", views.live),
            Route("/health/ready", views.ready),
            Route("/metrics", views.metrics),
            Route("/partitions", views.partitions),
            Route("/tables", views.tables),
            Route("/tables/{name}", views.listing),
            Route("/tables/{name}/{key:path}", views.row),
            Route("/dashboard", dashboard),
            *api_routes(source, peers, web),
        ],
        middleware=[Middleware(Guard, options=web)],
        exception_handlers={
            HTTPException: _on_http_error,
            GoalstreamError: _on_refusal,
            Exception: _on_bug,
        },
    )
    app.router.redirect_slashes = False
    return app


class _Views:
    def __init__(
        self, source: ViewSource, registry: CollectorRegistry, peers: PeerDirectory | None
    ) -> None:
        self._source = source
        self._registry = registry
        self._peers = peers
        self._lookup = Lookup(source, peers)

    async def live(self, _request: Request) -> Response:
        return _probe(self._source.live())

    async def ready(self, _request: Request) -> Response:
        return _probe(self._source.ready())

    async def health(self, _request: Request) -> Response:
        live, ready = self._source.live(), self._source.ready()
        body = {
            "status": status_of(live, ready),
            "timestamp": time.time_ns() // 1_000_000,
            "live": _health(live),
            "ready": _health(ready),
        }
        return answer(body, 200 if live.ok else 503)

    async def api(self, _request: Request) -> Response:
        features = ["health", "metrics", "tables", "forecasting", "autonomous", "dashboard"]
        if self._peers is not None and self._peers.peers:
            features.append("peers")
        body = {
            "name": NAME,
            "version": __version__,
            "features": features,
            "status": status_of(self._source.live(), self._source.ready()),
            "tables": [table.name for table in self._source.tables()],
        }
        return answer(body)

    async def metrics(self, request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return plain(encode(self._registry), media_type)

    async def partitions(self, _request: Request) -> Response:
        owned = sorted(self._source.owned())
        return answer(Claims(self._source.partition_count(), owned))

    async def tables(self, request: Request) -> Response:
        query(request, ())
        return answer({"tables": [_described(table) for table in self._source.tables()]})

    async def listing(self, request: Request) -> Response:
        params = query(request, ("after", "all", "limit"))
        after, limit, everywhere = params.get("after", ""), _limit(params), _flag(params, "all")
        table = self._table(request)
        if everywhere and not is_hop(request):
            return answer(await self._lookup.page_of_all(table, after, limit))
        return answer(self._lookup.page(table, after, limit))

    async def row(self, request: Request) -> Response:
        query(request, ())
        table, key = self._table(request), request.path_params["key"]
        if not key:
            raise Refused(
                400, "the key is empty", field="key", value="", remedy=f"GET {table_path(table)}"
            )
        return answer(await self._lookup.row(table, key, local=is_hop(request)))

    def _table(self, request: Request) -> str:
        name = request.path_params["name"]
        known = sorted(table.name for table in self._source.tables())
        if name not in known:
            raise Refused(
                404,
                "no such table",
                field="table",
                value=name,
                remedy=f"use one of: {', '.join(known)}",
            )
        return name


def _limit(params: dict[str, str]) -> int:
    text = params.get("limit", str(LIMIT_DEFAULT))
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise Refused(
            400, "not a page size", field="limit", value=text, remedy=f"use 1 to {LIMIT_MAX}"
        )
    return limit


def _flag(params: dict[str, str], name: str) -> bool:
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise Refused(400, "not a flag", field=name, value=text, remedy="use true or false")
    return text == "true"


def _probe(health: Health) -> Response:
    return answer(_health(health), 200 if health.ok else 503)


def _health(health: Health) -> dict[str, object]:
    return {"ok": health.ok, "reason": health.reason, "detail": health.detail}


def _described(table: TableInfo) -> dict[str, object]:
    return {
        "name": table.name,
        "description": table.description,
        "key": table.key,
        "by_entity": table.by_entity,
        "href": table_path(table.name),
    }


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, GoalstreamError)
    return refusal(error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: paths and methods without a route."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        field, value, remedy = "method", request.method, f"here: {allowed}"
    else:
        field, value, remedy = (
            "path",
            request.scope["path"],
            "GET /api, GET /tables and GET /openapi.json say what is here",
        )
    headers = dict(error.headers or {})
    return refusal(
        Refused(
            error.status_code,
            error.detail.lower(),
            field=field,
            value=value,
            remedy=remedy,
            headers=headers,
        )
    )


async def _on_bug(_request: Request, _error: Exception) -> Response:
    return refusal(Refused(500, "internal error", remedy="the worker's log has the cause"))
