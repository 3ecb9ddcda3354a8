"""Refusals: errors that are answers, in the form of RFC 9457 (problem details)."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.errors import GoalstreamError, InvalidRecord, UnknownName
from streams.web.http.answers import json_response

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
_SHOWN = 200


class ErrorDetail(msgspec.Struct, frozen=True):
    message: str
    field: str = ""
    value: object = None
    remedy: str = ""


class Shortfall(msgspec.Struct, frozen=True):
    """How many values a forecast needs, and how many there are."""

    need: int
    have: int


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What workers of every release say of a refusal."""

    error: ErrorDetail
    """Detail, field, value and remedy once more, as release 0.1.0 named them."""
    partitions: list[int] | None = None
    """For a key that names no entity: where the row was looked for and is not."""
    history: Shortfall | None = None
    """For a series that is too short for a forecast."""


class Problem(Refusal, frozen=True):
    """Problem details. The status says of what type a problem is."""

    type: str
    title: str
    """Name of the status."""
    status: int
    detail: str
    """What is wrong."""
    field: str
    """Of the request, what is wrong; empty when it is nothing in particular."""
    value: object
    """What was found there."""
    remedy: str
    """What to do."""


class Refused(GoalstreamError):
    """A request that gets an answer other than 200; ``status`` says which."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str = "",
        value: object = None,
        remedy: str = "",
        headers: dict[str, str] | None = None,
        partitions: list[int] | None = None,
        history: Shortfall | None = None,
    ) -> None:
        super().__init__(message, field=field, value=value, remedy=remedy)
        self.status = status
        self.headers = headers or {}
        self.partitions = partitions
        self.history = history


def not_now(message: str, *, field: str, value: object, remedy: str) -> Refused:
    """503 that asks the reader to come back."""
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Refused(503, message, field=field, value=value, remedy=remedy, headers=headers)


def refusal(error: GoalstreamError) -> Response:
    """The answer to a request that ended in an error of this package."""
    refused = error if isinstance(error, Refused) else _as_refused(error)
    value = _shown(refused.value)
    problem = Problem(
        "about:blank",
        HTTPStatus(refused.status).phrase,
        refused.status,
        refused.message,
        refused.field,
        value,
        refused.remedy,
        error=ErrorDetail(refused.message, refused.field, value, refused.remedy),
        partitions=refused.partitions,
        history=refused.history,
    )
    return json_response(problem, refused.status, refused.headers, MEDIA_TYPE)


async def on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, GoalstreamError)
    return refusal(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: paths and methods without a route."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        field, value = "method", request.method
        remedy = f"here: {headers.get('Allow', 'GET')}"
    else:
        field, value = "path", request.scope["path"]
        remedy = "GET /api, GET /tables and GET /openapi.json say what is here"
    status, message = error.status_code, error.detail.lower()
    return refusal(
        Refused(status, message, field=field, value=value, remedy=remedy, headers=headers)
    )


async def on_bug(_request: Request, _error: Exception) -> Response:
    return refusal(Refused(500, "internal error", remedy="the worker's log has the cause"))


def _as_refused(error: GoalstreamError) -> Refused:
    said = {"field": error.field, "value": error.value, "remedy": error.remedy}
    if isinstance(error, InvalidRecord):
        return Refused(400, error.message, **said)
    if isinstance(error, UnknownName):
        return Refused(404, error.message, **said)
    return not_now(error.message, **said)


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
