"""Read-only HTTP views of a worker: health, metrics and tables."""

from streams.web.app import create_app
from streams.web.options import WebOptions
from streams.web.peers import PeerDirectory, open_peer_client
from streams.web.server import WebServer
from streams.web.source import Health, Page, TableInfo, ViewSource

__all__ = [
    "Health",
    "Page",
    "PeerDirectory",
    "TableInfo",
    "ViewSource",
    "WebOptions",
    "WebServer",
    "create_app",
    "open_peer_client",
]
