"""What is checked before any route: the host asked for, the path, and the token."""

from __future__ import annotations

import ipaddress
import re

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from streams.web.http.access import ANYBODY, CALLER, Caller, Tokens, patience_of
from streams.web.http.errors import Refused, refusal
from streams.web.http.options import LOOPBACK_NAMES, WebOptions

OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/dashboard"})
"""Readable without a token: supervisors have none, and a browser shows none when it opens a page.
The page holds no data; what it draws it asks for with the token."""

_HOST_HEADER = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::[0-9]{1,5})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Guard:
    """ASGI middleware in front of every route."""

    def __init__(self, app: ASGIApp, options: WebOptions, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens
        self._hosts = LOOPBACK_NAMES | {
            name.lower() for name in (options.host, *options.allowed_hosts)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Refused as error:
                await refusal(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        self._check_host(scope)
        if _CONTROL.search(scope["path"]):
            raise Refused(
                400,
                "control characters in the path",
                field="path",
                value=scope["path"],
                remedy="keys with control characters can only be listed",
            )
        scope[CALLER] = ANYBODY
        if self._tokens.needed and scope["path"] not in OPEN_PATHS:
            patience = patience_of(", ".join(_header(scope, b"prefer")))
            scope[CALLER] = self._caller(scope)._replace(patience=patience)

    def _check_host(self, scope: Scope) -> None:
        # A web page that rebinds its own name to this address sends that name here.
        values = _header(scope, b"host")
        found = _HOST_HEADER.fullmatch(values[0].lower()) if len(values) == 1 else None
        if found is None:
            raise Refused(
                400,
                "no usable Host header",
                field="Host",
                value=", ".join(values),
                remedy="send exactly one Host header with a name or address and its port",
            )
        host = found[1] or found[2]
        if host not in self._hosts and not _is_own_address(host, scope):
            raise Refused(
                421,
                "this worker does not answer under that name",
                field="Host",
                value=host,
                remedy="add the name to web.allowed_hosts if it is right",
            )

    def _caller(self, scope: Scope) -> Caller:
        values = _header(scope, b"authorization")
        scheme, _, shown = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        found = self._tokens.caller(shown.strip())
        if scheme.lower() != "bearer" or found is None:
            raise Refused(
                401,
                "a valid token is needed",
                field="Authorization",
                remedy="send 'Authorization: Bearer' with your token (goalstream token add), or "
                "that of web.token_file",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _is_own_address(host: str, scope: Scope) -> bool:
    """Whether ``host`` is the very address that the connection came in at: nothing to rebind."""
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(scope["server"][0])
    except (ValueError, TypeError):
        return False
