"""An OpenAPI 3.1 document out of the message types that the routes read and write."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from streams import __version__
from streams.web.answers import ErrorBody

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
Handler = Callable[[Request], Awaitable[Response]]
_REFERENCES = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: str
    """GET, POST, PUT or PATCH."""
    path: str
    """As Starlette writes it."""
    handler: Handler
    summary: str
    answers: type
    """Form of a good answer."""
    asks: type | None = None
    """Form of the query (GET) or the body (other methods)."""
    status: int = 200
    """Of a good answer."""
    media_type: str = "application/json"
    """Of a good answer."""


def document(title: str, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The description of the endpoints, JSON-able."""
    endpoints = list(endpoints)
    types = [ErrorBody, *(e.answers for e in endpoints), *(e.asks for e in endpoints if e.asks)]
    found, components = msgspec.json.schema_components(
        types, schema_hook=_anything, ref_template=_REFERENCES
    )
    schemas = dict(zip(types, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(_PARAMETER.sub(r"{\1}", endpoint.path), {})
        operations[endpoint.method.lower()] = _operation(endpoint, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _anything(_kind: type) -> dict[str, Any]:
    """Schema of a field declared as ``object``."""
    return {"description": "any JSON value"}


def _operation(
    endpoint: Endpoint, schemas: dict[type, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(endpoint.path)
        ],
        "responses": {
            str(endpoint.status): _content(
                "the answer", schemas[endpoint.answers], endpoint.media_type
            ),
            "default": _content("a refusal", schemas[ErrorBody]),
        },
    }
    if endpoint.asks is None:
        return operation
    if endpoint.method != "GET":
        operation["requestBody"] = {"required": True, **_content("", schemas[endpoint.asks])}
        return operation
    fields = components[endpoint.asks.__name__]
    operation["parameters"] += [
        {"name": name, "in": "query", "required": name in fields.get("required", ()), "schema": of}
        for name, of in fields["properties"].items()
    ]
    return operation


def _content(
    description: str, schema: dict[str, Any], media_type: str = "application/json"
) -> dict[str, Any]:
    content = {"content": {media_type: {"schema": schema}}}
    return {"description": description, **content} if description else content
