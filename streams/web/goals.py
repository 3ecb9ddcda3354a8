"""Goals, open and lately closed: one, those of an entity, or a page of all of the group."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from streams.records import GoalStatus, GoalType, Priority
from streams.web.answers import Refused, answer
from streams.web.forecast_messages import RowsAnswer, RowsRequest
from streams.web.requests import Message, Name, message_of, query, query_as, require_one_of
from streams.web.rows import Rows, values

TABLE = "goals"
_FILTERS = {"status": GoalStatus, "goal_type": GoalType, "priority": Priority}


class GoalsRequest(RowsRequest, frozen=True, kw_only=True):
    """Which goals are asked for; an empty filter keeps all."""

    status: str = ""
    goal_type: str = ""
    priority: str = ""


class GoalsAnswer(RowsAnswer, frozen=True, kw_only=True):
    """Goals as they are now."""

    goals: list[object]


class GoalRequest(Message, frozen=True, kw_only=True):
    """One goal."""

    entity_id: Name
    goal_id: Name


class Goals:
    """The routes over the table ``goals``; none of them changes anything."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def goals(self, request: Request) -> Response:
        asked = query_as(request, GoalsRequest)
        wanted = _filters(asked)
        rows = await self._rows.listing(request, TABLE, asked)
        body = GoalsAnswer(
            goals=[row for row in values(rows) if _fits(row, wanted)],
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )
        return answer(body)

    async def goal(self, request: Request) -> Response:
        """The path names the goal; a slash inside the entity stands as %2F, as in keys."""
        query(request, ())
        named = {name: unquote(part) for name, part in request.path_params.items()}
        asked = message_of(named, GoalRequest, strict=True)
        goal = await self._rows.one(request, TABLE, asked.entity_id, asked.goal_id)
        if goal is None:
            raise Refused(
                404,
                "no such goal, open or lately closed",
                field="goal_id",
                value=asked.goal_id,
                remedy="GET /api/forecasting/goals lists the goals",
            )
        return answer(goal)


def _filters(asked: GoalsRequest) -> dict[str, str]:
    """The filters that are set; Refused with 400 for a value that no goal can have."""
    given = msgspec.structs.asdict(asked)
    for name, kinds in _FILTERS.items():
        require_one_of(name, given[name], kinds)
    return {name: given[name] for name in _FILTERS if given[name]}


def _fits(goal: dict[str, Any], wanted: dict[str, str]) -> bool:
    return all(goal.get(name) == value for name, value in wanted.items())
