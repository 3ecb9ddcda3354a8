"""The routes."""

from __future__ import annotations

import time
from collections.abc import Sequence

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
from streams.web.guard import Guard
from streams.web.lookup import Lookup
from streams.web.options import WebOptions
from streams.web.peers import HOP_HEADER, PeerDirectory, table_path
from streams.web.source import Health, TableInfo, ViewSource

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
            "status": _status(live, ready),
            "timestamp": time.time_ns() // 1_000_000,
            "live": _health(live),
            "ready": _health(ready),
        }
        return answer(body, 200 if live.ok else 503)

    async def api(self, _request: Request) -> Response:
        features = ["health", "metrics", "tables"]
        if self._peers is not None and self._peers.peers:
            features.append("peers")
        body = {
            "name": NAME,
            "version": __version__,
            "features": features,
            "status": _status(self._source.live(), self._source.ready()),
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
        _query(request, ())
        return answer({"tables": [_described(table) for table in self._source.tables()]})

    async def listing(self, request: Request) -> Response:
        query = _query(request, ("after", "all", "limit"))
        after, limit, everywhere = query.get("after", ""), _limit(query), _flag(query, "all")
        table = self._table(request)
        if everywhere and not _is_hop(request):
            return answer(await self._lookup.page_of_all(table, after, limit))
        return answer(self._lookup.page(table, after, limit))

    async def row(self, request: Request) -> Response:
        _query(request, ())
        table, key = self._table(request), request.path_params["key"]
        if not key:
            raise Refused(
                400, "the key is empty", field="key", value="", remedy=f"GET {table_path(table)}"
            )
        return answer(await self._lookup.row(table, key, local=_is_hop(request)))

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


def _is_hop(request: Request) -> bool:
    return HOP_HEADER in request.headers


def _query(request: Request, allowed: Sequence[str]) -> dict[str, str]:
    """The query's values by name; unknown and repeated names are refused."""
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed or name in query:
            raise Refused(
                400,
                "repeated query parameter" if name in query else "unknown query parameter",
                field=name,
                value=value,
                remedy=f"allowed once each: {', '.join(allowed) or 'none'}",
            )
        query[name] = value
    return query


def _limit(query: dict[str, str]) -> int:
    text = query.get("limit", str(LIMIT_DEFAULT))
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise Refused(
            400, "not a page size", field="limit", value=text, remedy=f"use 1 to {LIMIT_MAX}"
        )
    return limit


def _flag(query: dict[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise Refused(400, "not a flag", field=name, value=text, remedy="use true or false")
    return text == "true"


def _probe(health: Health) -> Response:
    return answer(_health(health), 200 if health.ok else 503)


def _health(health: Health) -> dict[str, object]:
    return {"ok": health.ok, "reason": health.reason, "detail": health.detail}


def _status(live: Health, ready: Health) -> str:
    if not live.ok:
        return "failing"
    return "ok" if ready.ok else "not_ready"


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
        field, value, remedy = "method", request.method, "the views are read with GET or HEAD"
    else:
        field, value, remedy = (
            "path",
            request.scope["path"],
            "GET /api and GET /tables say what is here",
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
