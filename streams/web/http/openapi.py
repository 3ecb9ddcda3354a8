"""An OpenAPI 3.1 document of the operations: what their handlers take and answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from streams import __version__
from streams.records import Role
from streams.web.http.errors import MEDIA_TYPE, Problem
from streams.web.http.routing import Operation, at

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_REFERENCES = "#/components/schemas/{name}"


class Description:
    """The route that describes all routes, itself among them."""

    def __init__(self, described: Sequence[Operation]) -> None:
        """``described`` may still grow until somebody asks."""
        self._described = described

    @at("GET", "/openapi.json")
    async def openapi(self) -> dict[str, object]:
        """This description."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, object]:
        return document(self._described)


def document(described: Sequence[Operation]) -> dict[str, object]:
    """The description, JSON-able."""
    types = [Problem, *(t for one in described for t in _types(one))]
    found, components = msgspec.json.schema_components(
        types, schema_hook=_anything, ref_template=_REFERENCES
    )
    schemas = dict(zip(types, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in described:
        methods = paths.setdefault(_PARAMETER.sub(r"{\1}", one.place.path), {})
        methods[one.place.method.lower()] = _described(one, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "goalstream", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _types(one: Operation) -> list[Any]:
    return [one.answers, *(one.takes[part] for part in ("query", "body") if part in one.takes)]


def _anything(_kind: type) -> dict[str, Any]:
    """Schema of a field declared as ``object``."""
    return {"description": "any JSON value"}


def _described(
    one: Operation, schemas: dict[Any, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(one.place.path)
    ]
    if "query" in one.takes:
        fields = components[one.takes["query"].__name__]
        required = fields.get("required", ())
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": of}
            for name, of in fields["properties"].items()
        ]
    good = {"type": "string"} if one.answers is bytes else schemas[one.answers]
    content = _content("the answer", good, one.place.media_type)
    described: dict[str, Any] = {
        "summary": one.summary,
        "parameters": parameters,
        "responses": {
            **{str(status): content for status in one.place.statuses},
            "default": _content("a refusal", schemas[Problem], MEDIA_TYPE),
        },
    }
    if "body" in one.takes:
        schema = schemas[one.takes["body"]]
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if one.place.role is not Role.VIEWER:
        described["security"] = [{"token": []}]
        described["x-role"] = one.place.role.value
    return described


def _content(description: str, schema: dict[str, Any], media_type: str) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}
