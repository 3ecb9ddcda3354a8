"""Rows of a stored table: all of one entity, or a page of all entities of the group."""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from streams.web.group.lookup import Listing, Lookup
from streams.web.group.peers import table_path
from streams.web.group.relay import Relay, nobody_has
from streams.web.group.source import ViewSource
from streams.web.http.errors import Refused
from streams.web.http.requests import Message, Name

ENTITY_ROWS_MAX = 1000
LIMIT_MAX = 1000
"""Rows of a page."""
HORIZON_MAX = 168
"""Hours of a horizon, and points of a forecast."""
ENTITY_ALIASES = {"entity": "entity_id"}
_PAGE = 100

Hours = Annotated[float, Meta(ge=1, le=HORIZON_MAX)]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class ScopeRequest(Message, frozen=True, kw_only=True):
    """Of whom something is asked."""

    aliases = ENTITY_ALIASES
    entity_id: Name | None = None
    """Of this entity; without it of all."""


class RowsRequest(ScopeRequest, frozen=True, kw_only=True):
    """A page of stored rows, of one entity or of all."""

    after: str = ""
    """``next`` of the page before; for all entities only."""
    limit: Limit = 100
    """Rows looked at; for all entities only."""


class RowsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    next: str | None = None
    """Value of ``after`` for the following page; null at the end."""
    complete: bool = True
    """Whether every partition of the group was looked at, or the one of the entity."""
    unavailable: list[str] = []
    """Peers that did not answer."""


class Rows:
    """Reads tables whose keys begin with the entity, whichever worker holds them."""

    def __init__(self, source: ViewSource, lookup: Lookup, relay: Relay) -> None:
        self._source = source
        self._lookup = lookup
        self._relay = relay

    async def listing(self, table: str, asked: RowsRequest, *, local: bool) -> Listing:
        """All rows of the entity that is asked for, else a page of all entities."""
        self._require(table)
        if asked.entity_id is not None:
            return await self._of_entity(table, asked.entity_id, local)
        return await self._page(table, asked.after, asked.limit, local)

    async def page(self, table: str, after: str, limit: int, *, local: bool) -> Listing:
        """Rows of all entities: those of the group, or only those here for another worker."""
        self._require(table)
        return await self._page(table, after, limit, local)

    async def one(self, table: str, *parts: str, local: bool) -> dict[str, Any] | None:
        """The row whose key consists of ``parts``, the entity first; None when there is none.

        Refused with 503 when nobody could say.
        """
        self._require(table)
        key = parts[0] if len(parts) == 1 else "/".join(_escaped(part) for part in parts)
        try:
            row = await self._lookup.row(table, key, local=local)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return cast("dict[str, Any]", row.value)

    async def _page(self, table: str, after: str, limit: int, local: bool) -> Listing:
        if local:
            return self._lookup.page(table, after, limit)
        return await self._lookup.page_of_all(table, after, limit)

    async def _of_entity(self, table: str, entity: str, local: bool) -> Listing:
        """All rows of an entity, page by page from wherever they are."""
        rows = Listing(table, [], None, [], complete=True)
        after: str | None = _escaped(entity) + "/"
        while after is not None and len(rows.items) < ENTITY_ROWS_MAX:
            params = {"after": after, "limit": str(_PAGE)}
            page = await self._relay.ask(entity, table_path(table), params, Listing, local=local)
            page = page or self._lookup.page(table, after, _PAGE)
            partition = self._source.partition_of(entity)
            if partition not in page.partitions:
                # It has moved since the owner was looked for: no rows here means nothing.
                raise nobody_has(partition, "entity_id", entity)
            for item in page.items:
                if self._source.entity_of(table, item.key) != entity:
                    return rows
                rows.items.append(item)
            after = page.next
        return rows

    def _require(self, table: str) -> None:
        if table not in {known.name for known in self._source.tables()}:
            raise Refused(
                404,
                "no such table",
                field="table",
                value=table,
                remedy="GET /tables says what this worker keeps",
            )


def values(rows: Listing) -> list[dict[str, Any]]:
    """The rows without their keys."""
    return [cast("dict[str, Any]", item.value) for item in rows.items]


def _escaped(part: str) -> str:
    """A part of a key, whose own slashes stand as %2F."""
    return part.replace("%", "%25").replace("/", "%2F")
