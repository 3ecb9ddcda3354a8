"""One goal or plan by its id, with or without the name of its entity."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import Request

from streams.records import Goal, Plan
from streams.web.answers import Refused, not_now
from streams.web.requests import Message, Name, message_of
from streams.web.rows import Rows
from streams.web.sweep import Sweep

_R = TypeVar("_R", Goal, Plan)


class Identity(Message, frozen=True, kw_only=True):
    """What a path names."""

    id: Name
    entity_id: Name | None = None


class EntityRows:
    """Finds records in tables whose keys are an entity and an id."""

    def __init__(self, rows: Rows, sweep: Sweep) -> None:
        self._rows = rows
        self._sweep = sweep

    async def goal(self, request: Request) -> Goal:
        """The goal that the path names; Refused with 404, or with 503 when nobody can say."""
        return await self._find(request, "goals", Goal)

    async def plan(self, request: Request) -> Plan:
        """The same for plans."""
        return await self._find(request, "plans", Plan)

    async def plans_of(self, request: Request, goal: Goal) -> list[Plan]:
        """The known plans of a goal, in order of their attempts."""
        found = await self._sweep.read(request, ["plans"], goal.entity_id)
        plans = [as_record(row, Plan) for row in found["plans"].rows]
        return sorted((p for p in plans if p.goal_id == goal.goal_id), key=age)

    async def _find(self, request: Request, table: str, kind: type[_R]) -> _R:
        name = "goal_id" if kind is Goal else "plan_id"
        parts = {key: unquote(part) for key, part in request.path_params.items()}
        named = message_of(
            {"id" if key == name else key: part for key, part in parts.items()},
            Identity,
            strict=True,
        )
        if named.entity_id is not None:
            row = await self._rows.one(request, table, named.entity_id, named.id)
            if row is None:
                raise _unknown(name, named.id)
            return as_record(row, kind)
        swept = (await self._sweep.read(request, [table]))[table]
        for row in swept.rows:
            if row[name] == named.id:
                return as_record(row, kind)
        if not swept.complete:
            raise not_now(
                "not found yet: not everything could be looked at",
                field=name,
                value=named.id,
                remedy=f"name the entity in front: /{table}/ENTITY/{named.id}",
            )
        raise _unknown(name, named.id)


def as_record(row: object, kind: type[_R]) -> _R:
    """A row of a table as the record it is."""
    return msgspec.convert(row, kind)


def age(plan: Plan) -> tuple[int, int, int]:
    """What plans of one goal are ordered by: the latest is the largest."""
    return plan.attempt, plan.timestamp, plan.revision


def _unknown(name: str, value: str) -> Refused:
    what = name.removesuffix("_id")
    return Refused(
        404,
        f"no such {what}, open or lately closed",
        field=name,
        value=value,
        remedy=f"GET /api/autonomous/{what}s lists the {what}s",
    )
