"""Tables by name: what there is, pages of rows, one row; and which partitions are here."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request

from streams.web.group.lookup import Listing, Lookup, Row
from streams.web.group.peers import Claims, table_path
from streams.web.group.rows import LIMIT_MAX
from streams.web.group.source import ViewSource
from streams.web.http.errors import Refused
from streams.web.http.requests import Message
from streams.web.http.routing import at


class ListingRequest(Message, frozen=True, kw_only=True):
    """A page of rows. All is text here: what does not fit is a 400, as it always was."""

    after: str = ""
    limit: Annotated[str, Meta(description=f"1 to {LIMIT_MAX}")] = "100"
    all: Annotated[str, Meta(description="true for the rows of all workers")] = "false"


class TableEntry(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str
    key: str
    """What a key is."""
    by_entity: bool
    """Whether the key alone tells the entity, and so the worker that has the row."""
    href: str


class TablesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of this worker."""

    tables: list[TableEntry]


class Tables:
    """The routes below ``tables``, and ``partitions``, by which workers find each other's rows.
    Keys stand in the path as they are, slashes among them."""

    def __init__(self, source: ViewSource, lookup: Lookup) -> None:
        self._source = source
        self._lookup = lookup

    @at("GET", "/partitions", lenient=True)
    async def partitions(self) -> Claims:
        """Partitions of the group, and those this worker has ready."""
        return Claims(self._source.partition_count(), sorted(self._source.owned()))

    @at("GET", "/tables")
    async def tables(self) -> TablesAnswer:
        """The tables that can be read."""
        return TablesAnswer(
            tables=[
                TableEntry(
                    name=table.name,
                    description=table.description,
                    key=table.key,
                    by_entity=table.by_entity,
                    href=table_path(table.name),
                )
                for table in self._source.tables()
            ]
        )

    @at("GET", "/tables/{name}")
    async def listing(self, request: Request, query: ListingRequest, local: bool) -> Listing:
        """A page of rows."""
        limit, everywhere = _limit(query.limit), _flag("all", query.all)
        table = self._table(request)
        if everywhere and not local:
            return await self._lookup.page_of_all(table, query.after, limit)
        return self._lookup.page(table, query.after, limit)

    @at("GET", "/tables/{name}/{key:path}")
    async def row(self, request: Request, local: bool) -> Row:
        """One row."""
        table, key = self._table(request), request.path_params["key"]
        if not key:
            raise Refused(
                400, "the key is empty", field="key", value="", remedy=f"GET {table_path(table)}"
            )
        return await self._lookup.row(table, key, local=local)

    def _table(self, request: Request) -> str:
        name = request.path_params["name"]
        known = sorted(table.name for table in self._source.tables())
        if name not in known:
            raise Refused(
                404,
                "no such table",
                field="table",
                value=name,
                remedy=f"use one of: {', '.join(known)}",
            )
        return name


def _limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise Refused(
            400, "not a page size", field="limit", value=text, remedy=f"use 1 to {LIMIT_MAX}"
        )
    return limit


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise Refused(400, "not a flag", field=name, value=text, remedy="use true or false")
    return text == "true"
