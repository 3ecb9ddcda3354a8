"""Serves the views of a worker beside it, in the same event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from streams.runtime.worker import Worker
from streams.web.app import create_app
from streams.web.group.peers import PeerDirectory, open_peer_client
from streams.web.http.options import WebOptions
from streams.web.http.server import WebServer
from streams.web.worker_source import WorkerSource


@asynccontextmanager
async def serve_views(worker: Worker) -> AsyncGenerator[str]:
    """The address of the views while the context lasts. ``worker`` must have been started.

    Raises ConfigError for unsafe settings and Unavailable when the address is taken.
    """
    web = worker.settings.web
    options = WebOptions.load(
        host=web.host,
        port=web.port,
        token_file=web.token_file,
        tokens_file=web.tokens_file,
        peers=web.peers,
        allowed_hosts=web.allowed_hosts,
    )
    client = open_peer_client()
    peers = PeerDirectory(options.peers, client, token=options.token)
    app = create_app(WorkerSource(worker), worker.collector, options, peers)
    server = WebServer(app, options.host, options.port)
    try:
        await server.start()
        yield server.url
    finally:
        await server.stop()
        await peers.close()
        await client.aclose()
