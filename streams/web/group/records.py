"""One goal or plan by its id, with or without the name of its entity."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from streams.records import Goal, Plan
from streams.web.group.rows import Rows
from streams.web.group.sweep import Sweep
from streams.web.http.errors import Refused, not_now
from streams.web.http.requests import Message, Name

_R = TypeVar("_R", Goal, Plan)
_LISTS = {"goal_id": "/api/forecasting/goals", "plan_id": "/api/autonomous/plans"}


class GoalPath(Message, frozen=True, kw_only=True):
    """A goal; without its entity it is searched for."""

    goal_id: Name
    entity_id: Name | None = None


class PlanPath(Message, frozen=True, kw_only=True):
    """A plan."""

    plan_id: Name
    entity_id: Name


class Records:
    """Finds records in tables whose keys are an entity and an id."""

    def __init__(self, rows: Rows, sweep: Sweep) -> None:
        self._rows = rows
        self._sweep = sweep

    async def goal(self, path: GoalPath, *, local: bool) -> Goal:
        """The goal that the path names; Refused with 404, or with 503 when nobody can say."""
        return await self._find("goals", path.entity_id, path.goal_id, Goal, local)

    async def plan(self, path: PlanPath, *, local: bool) -> Plan:
        """The same for plans."""
        return await self._find("plans", path.entity_id, path.plan_id, Plan, local)

    async def plans_of(self, goal: Goal, *, local: bool) -> list[Plan]:
        """The known plans of a goal, in order of their attempts."""
        found = await self._sweep.read(["plans"], goal.entity_id, local=local)
        plans = [as_record(row, Plan) for row in found["plans"].rows]
        return sorted((p for p in plans if p.goal_id == goal.goal_id), key=age)

    async def _find(
        self, table: str, entity_id: str | None, id_: str, kind: type[_R], local: bool
    ) -> _R:
        name = f"{table.removesuffix('s')}_id"
        if entity_id is not None:
            row = await self._rows.one(table, entity_id, id_, local=local)
            if row is None:
                raise _unknown(name, id_)
            return as_record(row, kind)
        swept = (await self._sweep.read([table], local=local))[table]
        for row in swept.rows:
            if row[name] == id_:
                return as_record(row, kind)
        if not swept.complete:
            raise not_now(
                "not found yet: not everything could be looked at",
                field=name,
                value=id_,
                remedy=f"name the entity in front: /{table}/ENTITY/{id_}",
            )
        raise _unknown(name, id_)


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
        remedy=f"GET {_LISTS[name]} lists the {what}s",
    )
