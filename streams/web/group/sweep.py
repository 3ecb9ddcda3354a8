"""Whole tables of the group, up to a bound of rows and of time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.web.group.rows import Rows, RowsRequest, values
from streams.web.group.source import ViewSource

PAGE = 500
ROWS_MAX = 5_000
"""Of each table; rows beyond are not read, and the answer says so."""
SECONDS = 0.6
"""What reading may take. What has not come by then is missing, and the answer says so."""


@dataclass(slots=True)
class Swept:
    """What was read of one table."""

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: list[str] = field(default_factory=list[str])
    """Of each row."""
    complete: bool = False
    """Whether these are all rows of all partitions, or all of the entity."""
    unavailable: set[str] = field(default_factory=set[str])
    """Peers that did not answer."""


class Sweep:
    """Reads several tables at once."""

    def __init__(self, source: ViewSource, rows: Rows) -> None:
        self._source = source
        self._rows = rows

    async def read(
        self, tables: Iterable[str], entity_id: str | None = None, *, local: bool
    ) -> Mapping[str, Swept]:
        """What could be read of each table, of one entity when given.

        Refused with 404 for a table that this worker does not keep, and for an entity whose
        owner cannot be asked with 503.
        """
        found = {table: Swept() for table in tables}
        tasks = [
            asyncio.create_task(self._fill(table, entity_id, swept, local))
            for table, swept in found.items()
        ]
        try:
            done, _ = await asyncio.wait(tasks, timeout=SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        return found

    async def _fill(self, table: str, entity_id: str | None, swept: Swept, local: bool) -> None:
        if entity_id is None:
            await self._of_all(table, swept, local)
        elif self._key_of(table) == "entity":
            row = await self._rows.one(table, entity_id, local=local)
            if row is not None:
                swept.rows.append(row)
                swept.keys.append(entity_id)
            swept.complete = True
        else:
            listing = await self._rows.listing(table, RowsRequest(entity_id=entity_id), local=local)
            swept.rows += values(listing)
            swept.keys += [item.key for item in listing.items]
            swept.complete = listing.complete

    async def _of_all(self, table: str, swept: Swept, local: bool) -> None:
        after, complete = "", True
        while len(swept.rows) < ROWS_MAX:
            page = await self._rows.page(table, after, PAGE, local=local)
            swept.rows += values(page)
            swept.keys += [item.key for item in page.items]
            swept.unavailable.update(page.unavailable)
            complete = complete and page.complete
            if page.next is None:
                swept.complete = complete
                return
            after = page.next
            await asyncio.sleep(0)  # other requests have their turn between pages

    def _key_of(self, table: str) -> str:
        known = (info.key for info in self._source.tables() if info.name == table)
        return next(known, "")


def all_complete(found: Mapping[str, Swept]) -> bool:
    """Whether nothing is missing of any table."""
    return all(swept.complete for swept in found.values())


def all_unavailable(found: Mapping[str, Swept]) -> list[str]:
    """Peers that did not answer for some table."""
    return sorted(set[str]().union(*(swept.unavailable for swept in found.values())))
