"""Handlers as routes. A handler's signature says what it reads and answers, its docstring what it
is for; the route and its description are made of these."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.records import Role
from streams.web.http.access import Caller, caller_of
from streams.web.http.answers import Answer, Content, Events, response
from streams.web.http.errors import Refused
from streams.web.http.requests import body_as, is_hop, path_as, query, query_as

FORECASTING, AUTONOMOUS = "/api/forecasting", "/api/autonomous"
"""What the paths of the two APIs begin with."""
_ROUTES = "_routes"
_PARTS = frozenset({"request", "query", "path", "body", "local", "caller"})
_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[object]])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a handler answers."""

    method: str
    path: str
    statuses: tuple[int, ...]
    """Of a good answer, the usual one first."""
    media_type: str
    """Of a good answer."""
    role: Role
    """What a caller must at least be."""
    lenient: bool
    """Whether unknown query names are taken."""


def at(
    method: str,
    path: str,
    *statuses: int,
    media_type: str = "application/json",
    role: Role = Role.VIEWER,
    lenient: bool = False,
) -> Callable[[_Handler], _Handler]:
    """Let a method of a resource answer ``method`` ``path`` (as Starlette writes it).

    Of these parameters it has those that it needs: ``query``, ``path`` and ``body``, each a
    Message; ``local``, whether the question comes from another worker; ``caller``, who asks;
    ``request``. ``statuses`` are those of a good answer, the usual one first (200). ``role`` is
    what a caller must at least be; more than a viewer is nobody while the worker has no token.
    ``lenient`` takes unknown query names: probes and scrapers add their own.
    """
    place = Place(method, path, statuses or (200,), media_type, role, lenient)

    def decorate(handler: _Handler) -> _Handler:
        setattr(handler, _ROUTES, [place, *getattr(handler, _ROUTES, ())])
        return handler

    return decorate


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    place: Place
    summary: str
    handler: Callable[..., Awaitable[object]]
    takes: dict[str, Any]
    """Parameters of the handler and their types."""
    answers: Any
    """Type of a good answer; bytes when it is no JSON."""

    async def answer(self, request: Request, *, writable: bool) -> Response:
        """Read the request, call the handler, write its answer. Refused for what does not fit."""
        caller, needed = caller_of(request), self.place.role
        if caller.role.rank < needed.rank:
            raise forbidden(caller, needed) if writable else _no_token()
        takes = self.takes
        given: dict[str, Any] = {}
        if "query" in takes:
            given["query"] = query_as(request, takes["query"])
        elif not self.place.lenient:
            query(request, ())
        if "path" in takes:
            given["path"] = path_as(request, takes["path"])
        if "body" in takes:
            given["body"] = await body_as(request, takes["body"])
        if "local" in takes:
            given["local"] = is_hop(request)
        if "caller" in takes:
            given["caller"] = caller
        if "request" in takes:
            given["request"] = request
        return response(await self.handler(**given), self.place.statuses[0])


def operations(resources: Iterable[object]) -> list[Operation]:
    """What the resources answer, in the order in which it is written down.

    TypeError for a handler without docstring, with unknown parameters or without annotations.
    """
    return [
        _operation(getattr(resource, name), place)
        for resource in resources
        for name, member in vars(type(resource)).items()
        for place in getattr(member, _ROUTES, ())
    ]


def routes(found: Iterable[Operation], *, writable: bool) -> list[Route]:
    """One route for each path; TypeError when two handlers have the same place."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in found:
        methods = by_path.setdefault(operation.place.path, {})
        if methods.setdefault(operation.place.method, operation) is not operation:
            raise TypeError(f"two handlers answer {operation.place.method} {operation.place.path}")
    return [_route(path, methods, writable) for path, methods in by_path.items()]


def _operation(handler: Callable[..., Awaitable[object]], place: Place) -> Operation:
    takes = get_type_hints(handler)
    answers = takes.pop("return", None)
    names = set(inspect.signature(handler).parameters)
    if not handler.__doc__ or answers is None or names != set(takes) or names - _PARTS:
        raise TypeError(f"{handler.__qualname__} cannot be a handler")
    if get_origin(answers) is Events:
        place = replace(place, media_type="text/event-stream")
    if get_origin(answers) in (Answer, Events):
        (answers,) = get_args(answers)
    return Operation(
        place=place,
        summary=handler.__doc__.partition("\n\n")[0].replace("\n        ", " ").rstrip("."),
        handler=handler,
        takes=takes,
        answers=bytes if answers is Content else answers,
    )


def _route(path: str, methods: dict[str, Operation], writable: bool) -> Route:
    async def handle(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await methods[method].answer(request, writable=writable)

    return Route(path, handle, methods=list(methods))


def forbidden(caller: Caller, needed: Role) -> Refused:
    """403 for a caller whose role is too small."""
    return Refused(
        403,
        f"the role {needed.value} is needed",
        field="role",
        value=caller.role.value,
        remedy=f"ask with a token of that role, or let an admin make one for {caller.name}",
    )


def _no_token() -> Refused:
    return Refused(
        403,
        "what changes anything is accepted from callers with a token only, and none is set",
        field="web.tokens_file",
        remedy="name a file in web.tokens_file, make a token with goalstream token add, restart, "
        "and send 'Authorization: Bearer' with the token",
    )
