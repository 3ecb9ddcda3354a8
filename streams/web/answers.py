"""The answers that workers give to readers and to each other."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from streams.errors import GoalstreamError, InvalidRecord, UnknownName

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
RETRY_SECONDS = 1
_SHOWN = 200


class Claims(msgspec.Struct, frozen=True):
    """Which partitions a worker owns and has recovered."""

    count: int
    """Partitions in the whole group."""
    owned: list[int]


class Item(msgspec.Struct, frozen=True):
    key: str
    value: object


class Row(msgspec.Struct, frozen=True):
    table: str
    key: str
    value: object


class Listing(msgspec.Struct, frozen=True):
    """Rows in ascending order of their keys."""

    table: str
    items: list[Item]
    next: str | None
    """Value of ``after`` for the following page; null at the end."""
    partitions: list[int]
    """Partitions whose rows were looked at."""
    complete: bool
    """Whether these are all partitions of the group."""
    unavailable: list[str] = []
    """Peers that did not answer."""


class ErrorDetail(msgspec.Struct, frozen=True):
    message: str
    field: str = ""
    value: object = None
    remedy: str = ""


class Shortfall(msgspec.Struct, frozen=True):
    """How many values a forecast needs, and how many there are."""

    need: int
    have: int


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    error: ErrorDetail
    partitions: list[int] | None = None
    """For a key that names no entity: where the row was looked for and is not."""
    history: Shortfall | None = None
    """For a series that is too short for a forecast."""


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


def partitions_unknown(field: str, value: object) -> Refused:
    """503 of a worker that does not know yet how many partitions there are."""
    return not_now(
        "the partitions are not known yet",
        field=field,
        value=value,
        remedy="try again; GET /health/ready says what the worker waits for",
    )


def nobody_has(partition: int, field: str, value: object) -> Refused:
    """503 for a partition that no reachable worker owns."""
    return not_now(
        f"no worker has partition {partition} ready",
        field=field,
        value=value,
        remedy="try again; if it stays so, list all workers in web.peers and see /health/ready",
    )


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response that browsers neither store, sniff nor embed."""
    return plain(msgspec.json.encode(body), "application/json", status, headers)


def plain(
    content: bytes, media_type: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A response of any type with the same protection; ``headers`` may replace a part of it."""
    return Response(content, status, SECURITY_HEADERS | (headers or {}), media_type)


def refusal(error: GoalstreamError) -> Response:
    """The JSON form of any error of this package."""
    if not isinstance(error, Refused):
        error = _as_refused(error)
    detail = ErrorDetail(error.message, error.field, _shown(error.value), error.remedy)
    body = ErrorBody(detail, error.partitions, error.history)
    return answer(body, error.status, error.headers)


def _as_refused(error: GoalstreamError) -> Refused:
    status = 503
    if isinstance(error, InvalidRecord):
        status = 400
    elif isinstance(error, UnknownName):
        status = 404
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    return Refused(
        status,
        error.message,
        field=error.field,
        value=error.value,
        remedy=error.remedy,
        headers=headers,
    )


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
