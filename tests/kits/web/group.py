"""Workers that reach each other in this process, without sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.types import ASGIApp

from streams.web import PeerDirectory, WebOptions, create_app
from tests.kits.web.memory import MemorySource

TOKEN = "a-token-of-the-whole-group-0123456789"

Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Network(httpx.AsyncBaseTransport):
    """Delivers requests by host name and remembers them; unknown hosts refuse."""

    def __init__(self) -> None:
        self.apps: dict[str, ASGIApp] = {}
        self.handlers: dict[str, Handler] = {}
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        host = request.url.host
        if host in self.handlers:
            return _unread(await self.handlers[host](request))
        if host not in self.apps:
            raise httpx.ConnectError("connection refused", request=request)
        transport = httpx.ASGITransport(self.apps[host])
        return await transport.handle_async_request(request)

    def paths(self, host: str) -> list[str]:
        return [r.url.raw_path.decode() for r in self.requests if r.url.host == host]


class Group:
    """Workers by host name; every one lists ``peers``."""

    def __init__(self, *, token: str | None = None) -> None:
        self.network = Network()
        self.token = SecretStr(token) if token else None
        self.client = httpx.AsyncClient(transport=self.network, trust_env=False)

    def add(self, host: str, source: MemorySource, *peers: str) -> httpx.AsyncClient:
        """Start a worker and return a reader of it (who shows no token by itself)."""
        options = WebOptions(
            token=self.token,
            peers=tuple(f"http://{peer}:5003" for peer in peers),
            allowed_hosts=(host,),
        )
        directory = PeerDirectory(options.peers, self.client, token=self.token, answer_bytes=5000)
        app = create_app(source, CollectorRegistry(), options, directory)
        self.network.apps[host] = app
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}:5003")


def _unread(response: httpx.Response) -> httpx.Response:
    """The response as it comes from a socket, where one made from content counts as read."""
    if not response.is_stream_consumed:
        return response
    stream = httpx.ByteStream(response.content)
    return httpx.Response(response.status_code, headers=response.headers, stream=stream)


def respond(status: int, **kwargs: object) -> Handler:
    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, **kwargs)  # type: ignore[arg-type]  # passed on as given

    return handler
