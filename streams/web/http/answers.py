"""What handlers answer with, and the responses that are made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
from starlette.responses import Response, StreamingResponse

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[_T]):
    """A body with a status that depends on it; the route lists those that are possible."""

    body: _T
    status: int


@dataclass(frozen=True, slots=True)
class Events(Generic[_T]):
    """Server-sent events, one for each message, for as long as the reader stays."""

    messages: AsyncIterator[_T]


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are no JSON."""

    body: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    """In place of security headers of the same name."""


def response(answer: object, status: int) -> Response:
    """The response to a reader, which browsers neither store, sniff nor embed. ``status`` is that
    of an answer that does not bring its own."""
    if isinstance(answer, Content):
        headers = SECURITY_HEADERS | answer.headers
        return Response(answer.body, status, headers, answer.media_type)
    if isinstance(answer, Events):
        lines = _lines(answer.messages)
        return StreamingResponse(lines, status, SECURITY_HEADERS, "text/event-stream")
    if isinstance(answer, Answer):
        return json_response(answer.body, answer.status)
    return json_response(answer, status)


def json_response(
    body: object,
    status: int,
    headers: dict[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """The same of a body of JSON alone."""
    headers = SECURITY_HEADERS | (headers or {})
    return Response(msgspec.json.encode(body), status, headers, media_type)


async def _lines(messages: AsyncIterator[object]) -> AsyncIterator[bytes]:
    async for message in messages:
        yield b"data: " + msgspec.json.encode(message) + b"\n\n"
