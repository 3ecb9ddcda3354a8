"""The worker itself: what it is, how it is, its metrics, and the page that draws a series."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cached_property
from importlib.resources import files

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request

from streams import __version__
from streams.web.group.source import Health, ViewSource, status_of
from streams.web.http.answers import Answer, Content
from streams.web.http.requests import Message, now_ms
from streams.web.http.routing import at

NAME = "goalstream"
PAGE = files("streams.web").joinpath("static", "dashboard.html").read_text(encoding="utf-8")
"""Complete in itself: it loads nothing, and asks only the worker that it comes from."""


class Probe(msgspec.Struct, frozen=True):
    ok: bool
    reason: str
    """Why it is not ok; empty when it is."""
    detail: dict[str, object]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Both probes in one."""

    status: str
    """ok, not_ready or failing."""
    timestamp: int
    """Now, ms."""
    live: Probe
    ready: Probe


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What answers here."""

    name: str
    version: str
    features: list[str]
    status: str
    """ok, not_ready or failing."""
    tables: list[str]


class SeriesQuery(Message, frozen=True, kw_only=True):
    """The series that the page opens at."""

    entity_id: str = ""
    metric_name: str = ""


class Service:
    """The routes that need no entity. Probes and scrapers may add query names of their own."""

    def __init__(self, source: ViewSource, registry: CollectorRegistry, *, peers: bool) -> None:
        """``peers``: whether other workers can be asked."""
        self._source = source
        self._registry = registry
        self._peers = peers

    @at("GET", "/api", lenient=True)
    async def about(self) -> About:
        """What is here."""
        features = ["health", "metrics", "tables", "forecasting", "autonomous", "dashboard"]
        return About(
            name=NAME,
            version=__version__,
            features=[*features, "peers"] if self._peers else features,
            status=status_of(self._source.live(), self._source.ready()),
            tables=[table.name for table in self._source.tables()],
        )

    @at("GET", "/health", 200, 503, lenient=True)
    async def health(self) -> Answer[Summary]:
        """Both probes in one; 503 only when not live."""
        live, ready = self._source.live(), self._source.ready()
        body = Summary(
            status=status_of(live, ready),
            timestamp=now_ms(),
            live=_probe(live),
            ready=_probe(ready),
        )
        return Answer(body, _status(live))

    @at("GET", "/health/live", 200, 503, lenient=True)
    async def live(self) -> Answer[Probe]:
        """Whether the worker does its work. For restarts."""
        live = self._source.live()
        return Answer(_probe(live), _status(live))

    @at("GET", "/health/ready", 200, 503, lenient=True)
    async def ready(self) -> Answer[Probe]:
        """Whether every partition of the worker is served. For routing."""
        ready = self._source.ready()
        return Answer(_probe(ready), _status(ready))

    @at("GET", "/metrics", media_type="text/plain", lenient=True)
    async def metrics(self, request: Request) -> Content:
        """Metrics for Prometheus."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Content(encode(self._registry), media_type)

    @at("GET", "/dashboard", media_type="text/html")
    async def dashboard(self, query: SeriesQuery) -> Content:
        """The dashboard. It holds no data, so it is given without a token."""
        return Content(PAGE.encode(), "text/html; charset=utf-8", self._page_headers)

    @cached_property
    def _page_headers(self) -> dict[str, str]:
        return {"Content-Security-Policy": _policy(PAGE)}


def _probe(health: Health) -> Probe:
    return Probe(health.ok, health.reason, health.detail)


def _status(health: Health) -> int:
    return 200 if health.ok else 503


def _policy(page: str) -> str:
    """A content security policy under which the page's own script and style run, and no others."""
    allowed = {name: _hash_of(name, page) for name in ("script", "style")}
    rules = [f"{name}-src '{hash_}'" for name, hash_ in allowed.items()]
    return "; ".join(
        ["default-src 'none'", *rules, "connect-src 'self'", "base-uri 'none'",
         "form-action 'none'", "frame-ancestors 'none'"]
    )  # fmt: skip


def _hash_of(element: str, page: str) -> str:
    """Hash of the text of the page's one ``element``, in the form of a policy."""
    (text,) = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
