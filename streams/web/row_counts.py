"""How many goals and patterns the group has, by what they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import StrEnum
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from streams.records import GoalStatus, PatternType
from streams.web.answers import answer
from streams.web.requests import query
from streams.web.rows import Rows, values

_PAGE = 500
_PAGES = 10
"""Of each table; rows beyond are not counted, and the answer says so."""


class StatisticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows counted now, by every value that they can have."""

    goals_by_status: dict[str, int]
    """Open and lately closed goals."""
    patterns_by_type: dict[str, int]
    """Active and retired patterns that are remembered."""
    complete: bool
    """Whether every row of every partition of the group was counted."""
    unavailable: list[str]
    """Peers that did not answer."""


class _Counts(NamedTuple):
    by: dict[str, int]
    complete: bool
    unavailable: set[str]


class RowCounts:
    """The route that counts rows, up to a bound."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def statistics(self, request: Request) -> Response:
        query(request, ())
        goals = await self._count(request, "goals", "status", GoalStatus)
        patterns = await self._count(request, "patterns", "pattern_type", PatternType)
        body = StatisticsAnswer(
            goals_by_status=goals.by,
            patterns_by_type=patterns.by,
            complete=goals.complete and patterns.complete,
            unavailable=sorted(goals.unavailable | patterns.unavailable),
        )
        return answer(body)

    async def _count(
        self, request: Request, table: str, field: str, kinds: type[StrEnum]
    ) -> _Counts:
        counts = Counter({kind.value: 0 for kind in kinds})
        complete, unavailable, after = True, set[str](), ""
        for _ in range(_PAGES):
            page = await self._rows.page(request, table, after, _PAGE)
            counts.update(row[field] for row in values(page))
            complete = complete and page.complete
            unavailable.update(page.unavailable)
            if page.next is None:
                return _Counts(dict(counts), complete, unavailable)
            after = page.next
            await asyncio.sleep(0)  # other requests have their turn between pages
        return _Counts(dict(counts), False, unavailable)
