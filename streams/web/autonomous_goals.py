"""Goals for people: those that are pursued, their plans and reasons, and what users want."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from streams.core.execution.report import ExecutionStatus, status
from streams.core.goals.explanation import explain
from streams.core.goals.feature import REQUESTER
from streams.records import (
    CauseKind,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    Plan,
    Priority,
)
from streams.web.answers import Refused, answer
from streams.web.commands import Commands
from streams.web.entity_rows import EntityRows, age, as_record
from streams.web.goal_messages import (
    ExecuteRequest,
    GoalChange,
    GoalMessage,
    GoalSummary,
    OpenGoalsAnswer,
    OpenGoalsRequest,
    Said,
)
from streams.web.ingest import millis_of, now_ms
from streams.web.requests import body_as, query, query_as
from streams.web.sweep import Sweep, Swept, all_complete, all_unavailable

_TUPLES = ("actions", "dependencies")
"""Lists of a message that are tuples in the record."""
ONLY_METRICS = "progress follows the measured metric and nothing else"


class AutonomousGoals:
    """The routes below ``goals``."""

    def __init__(self, sweep: Sweep, found: EntityRows, commands: Commands) -> None:
        self._sweep = sweep
        self._found = found
        self._commands = commands

    async def open_goals(self, request: Request) -> Response:
        asked = query_as(request, OpenGoalsRequest)
        found = await self._sweep.read(request, ("goals", "plans"), asked.entity_id)
        return answer(open_goals(found))

    async def goal(self, request: Request) -> Response:
        query(request, ())
        return answer(await self._found.goal(request))

    async def plan(self, request: Request) -> Response:
        """The goal's latest plan with all its steps and its expected effect."""
        query(request, ())
        goal = await self._found.goal(request)
        plans = await self._found.plans_of(request, goal)
        if not plans:
            raise Refused(
                404,
                "no plan has been made for this goal yet",
                field="goal_id",
                value=goal.goal_id,
                remedy="POST .../execute asks for one; GET /api/autonomous/diagnosis says what "
                "is missing",
            )
        return answer(plans[-1])

    async def explanation(self, request: Request) -> Response:
        """The rule and the numbers behind the goal."""
        query(request, ())
        return answer(explain(await self._found.goal(request)))

    async def create(self, request: Request) -> Response:
        self._commands.require_token()
        message, now = await body_as(request, GoalMessage), now_ms()
        fields = _fields(msgspec.structs.asdict(message), now)
        fields["goal_id"] = message.goal_id or str(uuid.uuid4())
        fields["metadata"] = _signed(message.metadata, fields.pop("by"))
        goal = Goal(**fields, timestamp=now, origin=GoalOrigin.USER, cause_kind=CauseKind.REQUEST)
        return await self._commands.goal(goal, "the goal is handed to the engine")

    async def change(self, request: Request) -> Response:
        self._commands.require_token()
        query(request, ())
        goal = await self._open(request)
        said, now = await body_as(request, GoalChange), now_ms()
        given = msgspec.structs.asdict(said)
        fields = _fields({name: v for name, v in given.items() if v is not UNSET}, now)
        if not fields:
            raise Refused(
                422,
                "nothing is to be changed",
                field="body",
                remedy="give at least one of " + ", ".join(given),
            )
        if "metadata" in fields:
            fields["metadata"] = _signed(fields["metadata"], goal.metadata.get(REQUESTER, ""))
        changed = msgspec.structs.replace(goal, **fields, timestamp=now, revision=0)
        return await self._commands.goal(changed, "the change is handed to the engine")

    async def cancel(self, request: Request) -> Response:
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, Said)
        goal = await self._open(request)
        return await self._commands.to_entity(
            goal.entity_id,
            "goal.cancel",
            "the goal is to be cancelled; no further step of its plan starts",
            target=goal.goal_id,
            arguments={"by": said.by, "reason": said.reason},
            by=said.by,
        )

    async def execute(self, request: Request) -> Response:
        """Ask for a plan now instead of at the next occasion."""
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, ExecuteRequest)
        goal = await self._open(request)
        told = (
            "a plan is made for show; GET .../plan shows it with what is expected of it"
            if said.dry_run
            else "a plan is asked for; what it may do is decided as for any other"
        )
        return await self._commands.to_entity(
            goal.entity_id,
            "goal.execute",
            told,
            target=goal.goal_id,
            arguments={
                "by": said.by,
                "reason": said.reason,
                "dry_run": "true" if said.dry_run else "",
            },
            by=said.by,
        )

    async def refuse_progress(self, request: Request) -> Response:
        """Progress cannot be set: a claim is no measurement."""
        raise Refused(
            409,
            f"progress cannot be set: {ONLY_METRICS}",
            field="progress",
            value=request.path_params["goal_id"],
            remedy="POST the values of the goal's target metric to /api/autonomous/metrics",
        )

    async def _open(self, request: Request) -> Goal:
        goal = await self._found.goal(request)
        if not goal.status.is_open:
            raise Refused(
                409,
                f"the goal is {goal.status.value} already",
                field="goal_id",
                value=goal.goal_id,
                remedy="POST a new goal",
            )
        return goal


def open_goals(found: Mapping[str, Swept]) -> OpenGoalsAnswer:
    """The open goals of what was read of ``goals`` and ``plans``."""
    plans = latest_plans(as_record(row, Plan) for row in found["plans"].rows)
    goals = [as_record(row, Goal) for row in found["goals"].rows]
    listed = sorted((g for g in goals if g.status.is_open), key=_urgency)
    return OpenGoalsAnswer(
        total_active_goals=len(listed),
        goals_by_type=counts(GoalType, (goal.goal_type for goal in listed)),
        goals_by_priority=counts(Priority, (goal.priority for goal in listed)),
        goals=[_summary(goal, status(plans.get(_identity(goal)))) for goal in listed],
        complete=all_complete(found),
        unavailable=all_unavailable(found),
    )


def latest_plans(plans: Iterable[Plan]) -> dict[tuple[str, str], Plan]:
    """The latest plan of each goal, by entity and goal id."""
    latest: dict[tuple[str, str], Plan] = {}
    for plan in sorted(plans, key=age):
        latest[plan.entity_id, plan.goal_id] = plan
    return latest


def counts(kinds: type[StrEnum], found: Iterable[StrEnum]) -> dict[str, int]:
    """How often each kind occurs, those that do not among them."""
    counter = Counter(kind.value for kind in found)
    return {kind.value: counter[kind.value] for kind in kinds}


def counts_by_status(goals: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Rows of goals by their status."""
    return counts(GoalStatus, (GoalStatus(row["status"]) for row in goals))


def _identity(goal: Goal) -> tuple[str, str]:
    return goal.entity_id, goal.goal_id


def _urgency(goal: Goal) -> tuple[int, int, str]:
    return goal.priority.rank, goal.created_at or goal.timestamp, goal.goal_id


def _summary(goal: Goal, execution: ExecutionStatus | None) -> GoalSummary:
    return GoalSummary(
        goal_id=goal.goal_id,
        entity_id=goal.entity_id,
        type=goal.goal_type,
        priority=goal.priority,
        description=goal.description,
        target_metric=goal.target_metric,
        progress=goal.progress,
        status=goal.status,
        deadline=goal.deadline,
        origin=goal.origin,
        execution_status=execution,
    )


def _signed(metadata: Mapping[str, str], by: str) -> dict[str, str]:
    """With who asked for the goal; what ``metadata`` says of that itself does not count."""
    rest = {name: text for name, text in metadata.items() if name != REQUESTER}
    return rest | ({REQUESTER: by} if by else {})


def _fields(given: dict[str, Any], now: int) -> dict[str, Any]:
    """Fields of a message as those of a goal; Refused with 422 for a deadline that has passed."""
    fields = given | {name: tuple(given[name]) for name in _TUPLES if name in given}
    deadline: Any = given.get("deadline")
    if deadline is not None:
        fields["deadline"] = millis_of(deadline, name="deadline")
        if fields["deadline"] <= now:
            raise Refused(
                422,
                "the deadline has passed",
                field="deadline",
                value=str(deadline),
                remedy="use a later moment, or none",
            )
    return fields
