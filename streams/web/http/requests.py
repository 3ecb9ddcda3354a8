"""Reads what a request says into typed messages; names the field of whatever does not fit."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeVar, cast
from urllib.parse import unquote

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request

from streams.records.limits import ID_BYTES
from streams.web.http.errors import Refused
from streams.wire.checks import LAST_TIMESTAMP

BODY_BYTES = 1024 * 1024
"""Largest body of a request."""
BODY_SECONDS = 10.0
"""Time in which a body must have arrived."""
_PATH = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_FIELD = re.compile(r"`([^`]*)`$")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_SHOWN = 150
"""Characters of a field's name that an answer repeats."""
HOP_HEADER = "Goalstream-Hop"
"""On a request from a worker, which is answered from local rows and never forwarded again."""
_DESCRIBED = "GET /openapi.json describes what is accepted"

Name = Annotated[
    str, Meta(min_length=1, max_length=ID_BYTES, pattern=r"^[^\x00-\x1f\x7f]+(?![\s\S])")
]
"""Name of an entity or metric: text without control characters."""
Text = Annotated[str, Meta(max_length=2000)]
Millis = Annotated[int, Meta(ge=1, le=LAST_TIMESTAMP)]


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request says. Unknown fields are refused."""

    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names of fields."""
    parts: ClassVar[Mapping[str, type[Message]]] = {}
    """Fields that hold lists of further messages."""


_M = TypeVar("_M", bound=Message)


def is_hop(request: Request) -> bool:
    """Whether the request comes from another worker."""
    return HOP_HEADER in request.headers


def query(request: Request, allowed: Collection[str]) -> dict[str, str]:
    """The query's values by name; Refused for unknown and repeated names."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed or name in found:
            raise Refused(
                400,
                "repeated query parameter" if name in found else "unknown query parameter",
                field=name,
                value=value,
                remedy=f"allowed once each: {', '.join(allowed) or 'none'}",
            )
        found[name] = value
    return found


def query_as(request: Request, kind: type[_M]) -> _M:
    """The query as a message; numbers are read from their text."""
    names = [*kind.__struct_fields__, *kind.aliases]
    return message_of(query(request, names), kind, strict=False)


def path_as(request: Request, kind: type[_M]) -> _M:
    """The parts of the path as a message; a slash inside a part stands as %2F, as in keys."""
    parts = {name: unquote(part) for name, part in request.path_params.items()}
    return message_of(parts, kind, strict=False)


def query_of(message: Message) -> dict[str, str]:
    """The query that reads as ``message``. Empty text and null stand for absent fields."""
    fields = msgspec.to_builtins(message)
    return {name: str(value) for name, value in fields.items() if value not in (None, "")}


def message_of(raw: object, kind: type[_M], *, strict: bool) -> _M:
    """Plain JSON values as a message; Refused with 422 and the field that does not fit.

    Not ``strict``, text that reads as a number is one.
    """
    plain = _with_field_names(raw, kind)
    try:
        return msgspec.convert(plain, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _unfit(plain, str(error)) from None


def require_one_of(field: str, text: str, kinds: type[StrEnum]) -> None:
    """Refused with 400 and the allowed values when ``text`` is neither one of them nor empty."""
    allowed = [kind.value for kind in kinds]
    if text and text not in allowed:
        raise Refused(
            400,
            f"no such {field.replace('_', ' ')}",
            field=field,
            value=text,
            remedy=f"use one of {', '.join(allowed)}",
        )


def millis_of(given: int | datetime, prefix: str = "", name: str = "timestamp") -> int:
    """A moment in ms; Refused when it lies before 1970. ``prefix`` leads to its field ``name`` in
    the request."""
    if isinstance(given, int):
        return given
    aware = given if given.tzinfo else given.replace(tzinfo=UTC)
    millis = round(aware.timestamp() * 1000)
    if not 1 <= millis <= LAST_TIMESTAMP:
        raise out_of_range(f"{prefix}{name}", given.isoformat(), "use a time from 1970 on")
    return millis


def out_of_range(field: str, value: object, remedy: str) -> Refused:
    """422 for a value that its type alone does not exclude."""
    return Refused(422, "out of range", field=field, value=value, remedy=remedy)


def now_ms() -> int:
    """The time of the clock on the wall, ms."""
    return time.time_ns() // 1_000_000


async def body_as(request: Request, kind: type[_M]) -> _M:
    """The JSON body as a message. Refused when it is too large, too slow or does not fit."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json":
        raise Refused(
            415,
            "only JSON is accepted",
            field="Content-Type",
            value=declared,
            remedy="send application/json",
        )
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await _content(request)
    except TimeoutError:
        raise Refused(
            408,
            f"the body did not arrive within {BODY_SECONDS:g} s",
            field="body",
            remedy="send it at once",
        ) from None
    try:
        raw = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(400, f"not JSON: {error}", field="body", remedy="send JSON") from None
    return message_of(raw, kind, strict=True)


async def _content(request: Request) -> bytes:
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > BODY_BYTES:
                raise Refused(
                    413,
                    f"the body is larger than {BODY_BYTES} bytes",
                    field="body",
                    remedy="send less at a time",
                    headers={"Connection": "close"},
                )
    except ClientDisconnect:
        raise Refused(400, "the body ended early", field="body", remedy="send it whole") from None
    return bytes(content)


def _with_field_names(raw: object, kind: type[Message]) -> object:
    """``raw`` with fields under their own names. A second name of a field stays as it is, and is
    then refused as unknown."""
    if not isinstance(raw, dict):
        return raw
    fields = cast("dict[str, object]", raw)
    named: dict[str, object] = {}
    for name, value in fields.items():
        own = kind.aliases.get(name, name)
        named[name if own in fields or own in named else own] = value
    for name, part in kind.parts.items():
        items = named.get(name)
        if isinstance(items, list):
            named[name] = [_with_field_names(item, part) for item in cast("list[object]", items)]
    return named


def _unfit(raw: object, text: str) -> Refused:
    """422 with the field out of msgspec's words, such as "Expected `int` - at `$.a[1].b`"."""
    found = _PATH.fullmatch(text)
    message, path = (found[1], found[2] or "") if found else (text, "")
    named = _FIELD.search(message)
    if message.startswith("Object ") and named:
        # Missing and unknown fields stand in the words, not in the path.
        path = f"{path}.{named[1]}" if path else named[1]
    words = message.replace("`", "")[:_SHOWN]
    return Refused(
        422,
        words[:1].lower() + words[1:],
        field=path[:_SHOWN] or "body",
        value=_at(raw, path),
        remedy=_DESCRIBED,
    )


def _at(raw: Any, path: str) -> object:
    """What stands at a path such as ``metrics[1].value``; None when nothing does."""
    for index, name in _STEP.findall(path):
        try:
            raw = raw[int(index)] if index else raw[name]
        except (LookupError, TypeError):
            return None
    return raw
