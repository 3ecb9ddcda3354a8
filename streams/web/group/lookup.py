"""Any worker answers for any key: rows from here, from the owner, or from all workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import msgspec

from streams.errors import Unavailable
from streams.web.group.peers import PeerDirectory, Reply, table_path
from streams.web.group.relay import nobody_has, partitions_unknown
from streams.web.group.source import ViewSource
from streams.web.http.errors import Refusal, Refused, not_now

_T = TypeVar("_T")


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


_row = msgspec.json.Decoder(Row)
_listing = msgspec.json.Decoder(Listing)
_error = msgspec.json.Decoder(Refusal)


class Lookup:
    """Reads tables of the whole group; raises Refused for every answer but a good one.

    ``local`` is set for requests that come from another worker: they get what is here and
    nothing else, so no request can travel in circles.
    """

    def __init__(self, source: ViewSource, peers: PeerDirectory | None) -> None:
        self._source = source
        self._peers = peers

    async def row(self, table: str, key: str, *, local: bool) -> Row:
        """A row by its key. 404 only when every place that could hold it was looked at."""
        if not self._source.partition_count():
            raise partitions_unknown("key", key)
        entity = self._source.entity_of(table, key)
        if entity is None:
            return await self._row_anywhere(table, key, local)
        partition = self._source.partition_of(entity)
        if partition in self._source.owned():
            value = self._source.get(table, key)
            if value is None:
                raise _no_row(key)
            return Row(table, key, value)
        if local:
            raise nobody_has(partition, "key", key)
        return await self._row_of_owner(table, key, partition)

    def page(self, table: str, after: str, limit: int) -> Listing:
        """Rows of the partitions owned here."""
        page = self._source.scan(table, after, limit)
        items = [Item(key, value) for key, value in page.items]
        owned = self._source.owned()
        return Listing(table, items, page.next, sorted(owned), self._are_all(owned))

    async def page_of_all(self, table: str, after: str, limit: int) -> Listing:
        """Rows of all workers; what is missing is named in the answer, not an error."""
        pages, unavailable = [self.page(table, after, limit)], list[str]()
        peers = self._peers.peers if self._peers else ()
        params = {"after": after, "limit": str(limit)}
        replies = await asyncio.gather(
            *(self._ask(peer, table_path(table), params) for peer in peers)
        )
        for peer, reply in zip(peers, replies, strict=True):
            listing = _decoded(_listing, reply) if reply and reply.status == 200 else None
            if listing is None:
                unavailable.append(peer)
            else:
                pages.append(listing)
        merged = merge(pages, limit, partial(self._source.order, table))
        complete = self._are_all(merged.partitions)
        return msgspec.structs.replace(merged, complete=complete, unavailable=unavailable)

    async def _row_of_owner(self, table: str, key: str, partition: int) -> Row:
        peers, reply = self._peers, None
        if peers is not None:
            count = self._source.partition_count()
            reply = await peers.ask_owner(partition, count, table_path(table, key))
        if peers is None or reply is None:
            raise nobody_has(partition, "key", key)
        row = _decoded(_row, reply) if reply.status == 200 else None
        if row is not None:
            return row
        if _misses_key(reply) is not None:
            raise _no_row(key)
        peers.forget()
        raise nobody_has(partition, "key", key)

    async def _row_anywhere(self, table: str, key: str, local: bool) -> Row:
        value = self._source.get(table, key)
        if value is not None:
            return Row(table, key, value)
        seen = set(self._source.owned())
        if local:
            raise _no_row(key, sorted(seen))
        found, seen_by_peers = await self._search_peers(table_path(table, key))
        if found is not None:
            return found
        seen |= seen_by_peers
        if not self._are_all(seen):
            raise not_now(
                "not found yet: some partitions could not be looked at",
                field="key",
                value=key,
                remedy="try again; GET /health/ready of each worker says what it waits for",
            )
        raise _no_row(key)

    async def _search_peers(self, path: str) -> tuple[Row | None, set[int]]:
        """The first row that a peer gives, else the partitions that peers looked at."""
        peers = self._peers.peers if self._peers else ()
        tasks = [asyncio.create_task(self._ask(peer, path)) for peer in peers]
        seen: set[int] = set()
        try:
            for question in asyncio.as_completed(tasks):
                reply = await question
                row = _decoded(_row, reply) if reply and reply.status == 200 else None
                if row is not None:
                    return row, seen
                missing = _misses_key(reply) if reply else None
                seen.update((missing and missing.partitions) or ())
            return None, seen
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(
        self, peer: str, path: str, params: dict[str, str] | None = None
    ) -> Reply | None:
        try:
            return await self._peers.get(peer, path, params) if self._peers else None
        except Unavailable:
            return None

    def _are_all(self, partitions: Iterable[int]) -> bool:
        count = self._source.partition_count()
        return count > 0 and set(partitions) >= set(range(count))


def merge(pages: list[Listing], limit: int, order: Callable[[str], tuple[str, ...]]) -> Listing:
    """One page of up to ``limit`` rows out of pages that start at the same ``after``.

    Rows beyond the earliest cursor are left for the next page, since the worker that stopped
    there may have rows before them. A row that two workers give (during a hand-over) counts
    once, the first page's.
    """
    cursors = [page.next for page in pages if page.next is not None]
    end = min(cursors, key=order, default=None)
    rows: dict[str, Item] = {}
    for page in pages:
        for item in page.items:
            if end is None or order(item.key) <= order(end):
                rows.setdefault(item.key, item)
    items = [rows[key] for key in sorted(rows, key=order)]
    if len(items) > limit:
        items = items[:limit]
        end = items[-1].key
    partitions = sorted({number for page in pages for number in page.partitions})
    return Listing(pages[0].table, items, end, partitions, complete=False)


def _decoded(decoder: msgspec.json.Decoder[_T], reply: Reply) -> _T | None:
    try:
        return decoder.decode(reply.body)
    except msgspec.DecodeError:
        return None


def _misses_key(reply: Reply) -> Refusal | None:
    """What a peer says that looked for the key in vain; None for any other answer."""
    body = _decoded(_error, reply) if reply.status == 404 else None
    return body if body and body.error.field == "key" else None


def _no_row(key: str, partitions: list[int] | None = None) -> Refused:
    return Refused(
        404,
        "no such row",
        field="key",
        value=key,
        remedy="GET /tables says what the keys are",
        partitions=partitions,
    )
