"""A worker over HTTP: health, metrics, tables, the forecasting API and the dashboard."""

from streams.web.app import create_app
from streams.web.group.peers import PeerDirectory, open_peer_client
from streams.web.group.source import Health, History, Page, TableInfo, ViewSource
from streams.web.http.options import WebOptions
from streams.web.http.server import WebServer

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
