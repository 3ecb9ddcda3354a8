"""The views of a worker as one ASGI application."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from streams.errors import GoalstreamError
from streams.web.commands import Commands
from streams.web.group.lookup import Lookup
from streams.web.group.peers import PeerDirectory
from streams.web.group.records import Records
from streams.web.group.relay import Relay
from streams.web.group.results import Followed
from streams.web.group.rows import Rows
from streams.web.group.source import ViewSource
from streams.web.group.sweep import Sweep
from streams.web.http.access import Tokens
from streams.web.http.errors import on_bug, on_http_error, on_refusal
from streams.web.http.guard import Guard
from streams.web.http.openapi import Description
from streams.web.http.options import WebOptions
from streams.web.http.routing import Operation, operations, routes
from streams.web.resources.accuracy import Accuracy
from streams.web.resources.commands import CommandDesk
from streams.web.resources.control import ControlPanel
from streams.web.resources.diagnosis import Diagnosis
from streams.web.resources.forecasts import Forecasts
from streams.web.resources.goals import Goals
from streams.web.resources.ingest import Ingest
from streams.web.resources.knowledge import Knowledge, Patterns, Predictions
from streams.web.resources.plans import Plans
from streams.web.resources.reports import Reports
from streams.web.resources.service import Service
from streams.web.resources.tables import Tables


def create_app(
    source: ViewSource,
    registry: CollectorRegistry,
    web: WebOptions,
    peers: PeerDirectory | None = None,
) -> Starlette:
    """Without ``peers`` the worker knows its own rows only; without tokens in ``web`` the routes
    that write refuse everybody. Raises ConfigError for a file of tokens that is not usable."""
    tokens = Tokens(web.token, web.tokens_file)
    writable = tokens.needed
    lookup, relay = Lookup(source, peers), Relay(source, peers)
    rows = Rows(source, lookup, relay)
    sweep, followed = Sweep(source, rows), Followed(source, peers)
    commands = Commands(source, followed, rows)
    found = Records(rows, sweep)
    described: list[Operation] = []
    described += operations(
        [
            Service(source, registry, peers=bool(peers and peers.peers)),
            Tables(source, lookup),
            Forecasts(source, relay, writable=writable),
            Accuracy(source, relay),
            Predictions(rows),
            Patterns(rows, source),
            Knowledge(rows),
            Ingest(source),
            Goals(rows, sweep, found, commands),
            Plans(sweep, found, commands),
            ControlPanel(source, rows, sweep, commands),
            CommandDesk(source, commands, followed),
            Reports(source, sweep),
            Diagnosis(source, sweep),
            Description(described),
        ]
    )
    app = Starlette(
        routes=routes(described, writable=writable),
        middleware=[Middleware(Guard, options=web, tokens=tokens)],
        exception_handlers={
            HTTPException: on_http_error,
            GoalstreamError: on_refusal,
            Exception: on_bug,
        },
    )
    app.router.redirect_slashes = False
    return app
