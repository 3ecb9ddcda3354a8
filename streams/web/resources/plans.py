"""Plans for people: what is going to be done, what waits for approval, and the word on it."""

from __future__ import annotations

import msgspec

from streams.records import Plan, PlanStatus, Role
from streams.web.commands import REQUESTED, Commands, Requested, Said
from streams.web.group.records import PlanPath, Records
from streams.web.group.rows import ScopeRequest
from streams.web.group.sweep import Sweep, Swept
from streams.web.http.access import Caller
from streams.web.http.errors import Refused
from streams.web.http.requests import now_ms, require_one_of
from streams.web.http.routing import AUTONOMOUS, at

TABLE = "plans"
_PLAN = f"{AUTONOMOUS}/plans/{{entity_id}}/{{plan_id}}"


class PlansRequest(ScopeRequest, frozen=True, kw_only=True):
    """Which plans are asked for; what is left out keeps all."""

    goal_id: str = ""
    status: str = ""


class PlansAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Plan records: all open ones and the latest ended ones."""

    plans: list[object]
    complete: bool
    unavailable: list[str]


class Plans:
    """The routes below ``plans``, and ``approvals``."""

    def __init__(self, sweep: Sweep, found: Records, commands: Commands) -> None:
        self._sweep = sweep
        self._found = found
        self._commands = commands

    @at("GET", f"{AUTONOMOUS}/plans")
    async def plans(self, query: PlansRequest, local: bool) -> PlansAnswer:
        """Plans, the next one first."""
        require_one_of("status", query.status, PlanStatus)
        swept = await self._read(query.entity_id, local)
        wanted = {"goal_id": query.goal_id, "status": query.status}
        rows = [
            row
            for row in swept.rows
            if all(not value or row[name] == value for name, value in wanted.items())
        ]
        rows.sort(key=lambda row: (row["scheduled_time"], row["plan_id"]))
        return _answer(rows, swept)

    @at("GET", f"{AUTONOMOUS}/approvals")
    async def approvals(self, query: ScopeRequest, local: bool) -> PlansAnswer:
        """Plans that wait for a person, the one that is given up first in front."""
        swept = await self._read(query.entity_id, local)
        rows = [row for row in swept.rows if _is_awaited(row["status"], row["expires_at"])]
        rows.sort(key=lambda row: (row["expires_at"], row["plan_id"]))
        return _answer(rows, swept)

    @at("GET", _PLAN)
    async def plan(self, path: PlanPath, local: bool) -> Plan:
        """A plan."""
        return await self._found.plan(path, local=local)

    @at("POST", f"{_PLAN}/approve", *REQUESTED, role=Role.APPROVER)
    async def approve(self, path: PlanPath, body: Said, local: bool, caller: Caller) -> Requested:
        """Approve a plan."""
        plan = await self._awaited(path, local)
        return await self._decide(plan, body, caller, "plan.approve", "the approval")

    @at("POST", f"{_PLAN}/reject", *REQUESTED, role=Role.APPROVER)
    async def reject(self, path: PlanPath, body: Said, local: bool, caller: Caller) -> Requested:
        """Reject a plan."""
        plan = await self._awaited(path, local)
        return await self._decide(plan, body, caller, "plan.reject", "the refusal")

    async def _decide(
        self, plan: Plan, said: Said, caller: Caller, command: str, what: str
    ) -> Requested:
        return await self._commands.to_entity(
            plan.entity_id,
            command,
            f"{what} is handed to the engine",
            caller=caller,
            target=plan.plan_id,
            table=TABLE,
            arguments={"reason": said.reason},
        )

    async def _awaited(self, path: PlanPath, local: bool) -> Plan:
        """The plan; Refused with 409 when it does not wait for a person."""
        plan = await self._found.plan(path, local=local)
        if not _is_awaited(plan.status, plan.expires_at):
            problem = f"the plan does not wait for approval: it is {plan.status.value}"
        elif (plan.expires_at or 0) <= now_ms():
            problem = "the time for approval is over"
        else:
            return plan
        raise Refused(
            409,
            problem + (f" ({plan.reason})" if plan.reason else ""),
            field="plan_id",
            value=plan.plan_id,
            remedy="GET /api/autonomous/approvals lists the plans that wait",
        )

    async def _read(self, entity_id: str | None, local: bool) -> Swept:
        return (await self._sweep.read([TABLE], entity_id, local=local))[TABLE]


def _is_awaited(status: str, expires_at: int | None) -> bool:
    """Whether a plan waits for a person; one that waits for anything else is never given up."""
    return status == PlanStatus.WAITING and expires_at is not None


def _answer(rows: list[dict[str, object]], swept: Swept) -> PlansAnswer:
    return PlansAnswer(
        plans=list(rows), complete=swept.complete, unavailable=sorted(swept.unavailable)
    )
