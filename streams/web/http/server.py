"""uvicorn inside the event loop that the worker already runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from streams.errors import ConfigError, GoalstreamError

_STOP_SECONDS = 3
_CONNECTIONS = 256


class WebServer:
    """Serves one app on one address from ``start`` to ``stop``; the process's signals stay
    with whoever owns them."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        """``port`` 0 lets the system choose; ``url`` says which after ``start``."""
        self._app = app
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """``http://host:port`` without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Return when connections are accepted; ConfigError when the address is not to be had."""
        if self._task is not None:
            raise GoalstreamError("the web server runs already", remedy="stop it first")
        listener = await _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            access_log=False,
            log_config=None,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = server = _Server(config)
        self._task = task = asyncio.create_task(server.serve(sockets=[listener]))
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not server.listening.is_set():
            listening.cancel()
            await task

    async def stop(self) -> None:
        """Let running requests end (3 s at most) and free the port; nothing when not started."""
        server, task = self._server, self._task
        self._server = self._task = None
        if server is not None and task is not None:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _listen(host: str, port: int) -> socket.socket:
    field = "web.host"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        field = "web.port"
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        where = f"{host}:{port}"
        raise ConfigError(
            f"cannot listen on {where}: {error.strerror or error}",
            field=field,
            value=where,
            remedy="choose another web.host or web.port, or stop the process that listens there",
        ) from error
