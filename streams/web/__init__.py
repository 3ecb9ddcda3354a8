"""A worker over HTTP: health, metrics, tables, the forecasting API and the dashboard."""

from streams.web.app import create_app
from streams.web.options import WebOptions
from streams.web.peers import PeerDirectory, open_peer_client
from streams.web.server import WebServer
from streams.web.source import Health, History, Page, TableInfo, ViewSource

__all__ = [
    "Health",
    "History",
    "Page",
    "PeerDirectory",
    "TableInfo",
    "ViewSource",
    "WebOptions",
    "WebServer",
    "create_app",
    "open_peer_client",
]
