"""Plans for people: what is going to be done, what waits for approval, and the word on it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from streams.records import Plan, PlanStatus
from streams.web.answers import Refused, answer
from streams.web.commands import Commands
from streams.web.control_messages import ScopeRequest
from streams.web.entity_rows import EntityRows
from streams.web.goal_messages import PlansAnswer, PlansRequest, Signed
from streams.web.ingest import now_ms
from streams.web.requests import body_as, query, query_as, require_one_of
from streams.web.sweep import Sweep, Swept

TABLE = "plans"


class Plans:
    """The routes below ``plans``, and ``approvals``."""

    def __init__(self, sweep: Sweep, found: EntityRows, commands: Commands) -> None:
        self._sweep = sweep
        self._found = found
        self._commands = commands

    async def plans(self, request: Request) -> Response:
        asked = query_as(request, PlansRequest)
        require_one_of("status", asked.status, PlanStatus)
        swept = await self._read(request, asked.entity_id)
        wanted = {"goal_id": asked.goal_id, "status": asked.status}
        rows = [
            row
            for row in swept.rows
            if all(not value or row[name] == value for name, value in wanted.items())
        ]
        rows.sort(key=lambda row: (row["scheduled_time"], row["plan_id"]))
        return _answer(rows, swept)

    async def approvals(self, request: Request) -> Response:
        """Plans that wait for a person, the one that is given up first in front."""
        asked = query_as(request, ScopeRequest)
        swept = await self._read(request, asked.entity_id)
        rows = [row for row in swept.rows if _is_awaited(row["status"], row["expires_at"])]
        rows.sort(key=lambda row: (row["expires_at"], row["plan_id"]))
        return _answer(rows, swept)

    async def plan(self, request: Request) -> Response:
        query(request, ())
        return answer(await self._found.plan(request))

    async def approve(self, request: Request) -> Response:
        return await self._decide(request, "plan.approve", "the approval is handed to the engine")

    async def reject(self, request: Request) -> Response:
        return await self._decide(request, "plan.reject", "the refusal is handed to the engine")

    async def _decide(self, request: Request, command: str, message: str) -> Response:
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, Signed)
        plan = await self._found.plan(request)
        _require_awaited(plan)
        return await self._commands.to_entity(
            plan.entity_id,
            command,
            message,
            target=plan.plan_id,
            arguments={"by": said.by, "reason": said.reason},
            by=said.by,
        )

    async def _read(self, request: Request, entity_id: str | None) -> Swept:
        return (await self._sweep.read(request, [TABLE], entity_id))[TABLE]


def _is_awaited(status: str, expires_at: int | None) -> bool:
    """Whether a plan waits for a person; one that waits for anything else is never given up."""
    return status == PlanStatus.WAITING and expires_at is not None


def _require_awaited(plan: Plan) -> None:
    if not _is_awaited(plan.status, plan.expires_at):
        problem = f"the plan does not wait for approval: it is {plan.status.value}"
    elif (plan.expires_at or 0) <= now_ms():
        problem = "the time for approval is over"
    else:
        return
    raise Refused(
        409,
        problem + (f" ({plan.reason})" if plan.reason else ""),
        field="plan_id",
        value=plan.plan_id,
        remedy="GET /api/autonomous/approvals lists the plans that wait",
    )


def _answer(rows: list[dict[str, object]], swept: Swept) -> Response:
    body = PlansAnswer(
        plans=list(rows), complete=swept.complete, unavailable=sorted(swept.unavailable)
    )
    return answer(body)
