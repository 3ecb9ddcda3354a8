"""Goals: the stored ones, those that are pursued, their plans and reasons, and what users want."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.core.execution.report import ExecutionStatus, status
from streams.core.goals.explanation import Explanation, explain
from streams.core.goals.feature import REQUESTER
from streams.records import (
    CauseKind,
    Direction,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    Plan,
    Priority,
    Role,
)
from streams.web.commands import REQUESTED, Commands, Requested, Said
from streams.web.group.records import GoalPath, Records, age, as_record
from streams.web.group.rows import Rows, RowsAnswer, RowsRequest, ScopeRequest, values
from streams.web.group.summaries import counts
from streams.web.group.sweep import Sweep, Swept, all_complete, all_unavailable
from streams.web.http.access import Caller
from streams.web.http.errors import MEDIA_TYPE, Problem, Refused
from streams.web.http.requests import (
    Message,
    Millis,
    Name,
    Text,
    millis_of,
    now_ms,
    require_one_of,
)
from streams.web.http.routing import AUTONOMOUS, FORECASTING, at

TABLE = "goals"
STORED, OPEN = f"{FORECASTING}/goals", f"{AUTONOMOUS}/goals"
ONLY_METRICS = "progress follows the measured metric and nothing else"
_GOAL = f"{OPEN}/{{entity_id}}/{{goal_id}}"
_FILTERS = {"status": GoalStatus, "goal_type": GoalType, "priority": Priority}
_ALIASES = {"entity": "entity_id", "metric": "target_metric", "metric_name": "target_metric"}
_TUPLES = ("actions", "dependencies")
"""Lists of a message that are tuples in the record."""

Names = Annotated[list[Name], Meta(max_length=100)]
Duration = Annotated[int, Meta(ge=0)]


class GoalsRequest(RowsRequest, frozen=True, kw_only=True):
    """Which goals are asked for; an empty filter keeps all."""

    status: str = ""
    goal_type: str = ""
    priority: str = ""


class GoalsAnswer(RowsAnswer, frozen=True, kw_only=True):
    """Goals as they are now."""

    goals: list[object]


class GoalSummary(msgspec.Struct, frozen=True, kw_only=True):
    goal_id: str
    entity_id: str
    type: GoalType
    priority: Priority
    description: str
    target_metric: str
    progress: float
    status: GoalStatus
    deadline: int | None
    origin: GoalOrigin
    execution_status: ExecutionStatus | None
    """Where its latest plan stands; null when there is none."""


class OpenGoalsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Goals that are active or in progress, the most urgent first."""

    total_active_goals: int
    goals_by_type: dict[str, int]
    goals_by_priority: dict[str, int]
    goals: list[GoalSummary]
    complete: bool
    """Whether nothing is missing."""
    unavailable: list[str]
    """Peers that did not answer."""


class GoalMessage(Message, frozen=True, kw_only=True):
    """A goal that a user wants pursued."""

    aliases = _ALIASES
    entity_id: Name
    target_metric: Name
    target_value: float
    goal_type: GoalType = GoalType.PERFORMANCE_TARGET
    priority: Priority = Priority.MEDIUM
    description: Text = ""
    unit: Text = ""
    direction: Direction = Direction.REACH
    hold_ms: Duration = 0
    """How long an at_most or at_least target must hold."""
    deadline: Millis | datetime | None = None
    """In ms or ISO 8601 (UTC when it names no zone)."""
    actions: Names = msgspec.field(default_factory=list[str])
    """Action types that are to be carried out in this order; empty: the engine chooses."""
    dependencies: Names = msgspec.field(default_factory=list[str])
    """Goals that must be achieved first."""
    group_id: Text = ""
    parent_id: Text = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    goal_id: Text = ""
    """Give one to make repeats harmless; made up when empty."""
    entity_type: Name = "service"
    correlation_id: Text = ""


class GoalChange(Message, frozen=True, kw_only=True):
    """What is to become different about an open goal; the rest stays."""

    target_metric: Name | UnsetType = UNSET
    target_value: float | UnsetType = UNSET
    goal_type: GoalType | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    unit: Text | UnsetType = UNSET
    direction: Direction | UnsetType = UNSET
    hold_ms: Duration | UnsetType = UNSET
    deadline: Millis | datetime | UnsetType | None = UNSET
    """null takes it away."""
    actions: Names | UnsetType = UNSET
    dependencies: Names | UnsetType = UNSET
    group_id: Text | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class ExecuteRequest(Said, frozen=True, kw_only=True):
    """Who wants a plan, and why."""

    dry_run: bool = False
    """Only show the plan and what is expected of it."""


class Goals:
    """The routes below both ``goals``. Progress cannot be set: a claim is no measurement."""

    def __init__(self, rows: Rows, sweep: Sweep, found: Records, commands: Commands) -> None:
        self._rows = rows
        self._sweep = sweep
        self._found = found
        self._commands = commands

    @at("GET", STORED)
    async def goals(self, query: GoalsRequest, local: bool) -> GoalsAnswer:
        """Goals, open and lately closed."""
        wanted = _filters(query)
        rows = await self._rows.listing(TABLE, query, local=local)
        return GoalsAnswer(
            goals=[row for row in values(rows) if _fits(row, wanted)],
            next=rows.next,
            complete=rows.complete,
            unavailable=rows.unavailable,
        )

    @at("GET", f"{STORED}/{{entity_id}}/{{goal_id:path}}")
    @at("GET", f"{OPEN}/{{goal_id}}")
    @at("GET", _GOAL)
    async def goal(self, path: GoalPath, local: bool) -> Goal:
        """A goal."""
        return await self._found.goal(path, local=local)

    @at("GET", OPEN)
    async def open_goals(self, query: ScopeRequest, local: bool) -> OpenGoalsAnswer:
        """Goals that are pursued, the most urgent first."""
        return _open(await self._sweep.read(("goals", "plans"), query.entity_id, local=local))

    @at("GET", f"{_GOAL}/plan")
    async def plan(self, path: GoalPath, local: bool) -> Plan:
        """The goal's latest plan with all its steps and its expected effect."""
        goal = await self._found.goal(path, local=local)
        plans = await self._found.plans_of(goal, local=local)
        if not plans:
            raise Refused(
                404,
                "no plan has been made for this goal yet",
                field="goal_id",
                value=goal.goal_id,
                remedy="POST .../execute asks for one; GET /api/autonomous/diagnosis says what "
                "is missing",
            )
        return plans[-1]

    @at("GET", f"{_GOAL}/explanation")
    async def explanation(self, path: GoalPath, local: bool) -> Explanation:
        """The rule and the numbers behind the goal."""
        return explain(await self._found.goal(path, local=local))

    @at("POST", OPEN, *REQUESTED, role=Role.OPERATOR)
    async def create(self, body: GoalMessage, caller: Caller) -> Requested:
        """Create a goal."""
        now = now_ms()
        fields = _fields(msgspec.structs.asdict(body), now)
        fields["goal_id"] = body.goal_id or str(uuid.uuid4())
        fields["metadata"] = _signed(body.metadata, caller.name)
        goal = Goal(**fields, timestamp=now, origin=GoalOrigin.USER, cause_kind=CauseKind.REQUEST)
        return await self._commands.goal(goal, "the goal is handed to the engine", caller=caller)

    @at("PATCH", _GOAL, *REQUESTED, role=Role.OPERATOR)
    async def change(
        self, path: GoalPath, body: GoalChange, local: bool, caller: Caller
    ) -> Requested:
        """Change a goal."""
        goal, now = await self._open_goal(path, local), now_ms()
        given = msgspec.structs.asdict(body)
        fields = _fields({name: v for name, v in given.items() if v is not UNSET}, now)
        if not fields:
            raise Refused(
                422,
                "nothing is to be changed",
                field="body",
                remedy="give at least one of " + ", ".join(given),
            )
        # What cannot be undone is approved by somebody else than whoever changed the goal last.
        fields["metadata"] = _signed(fields.get("metadata", goal.metadata), caller.name)
        changed = msgspec.structs.replace(goal, **fields, timestamp=now, revision=0)
        told = "the change is handed to the engine"
        return await self._commands.goal(changed, told, caller=caller)

    @at("POST", f"{_GOAL}/cancel", *REQUESTED, role=Role.OPERATOR)
    async def cancel(self, path: GoalPath, body: Said, local: bool, caller: Caller) -> Requested:
        """Cancel a goal."""
        goal = await self._open_goal(path, local)
        return await self._commands.to_entity(
            goal.entity_id,
            "goal.cancel",
            "the goal is to be cancelled; no further step of its plan starts",
            caller=caller,
            target=goal.goal_id,
            arguments={"reason": body.reason},
            table="goals",
        )

    @at("POST", f"{STORED}/{{goal_id}}/execute", *REQUESTED, role=Role.OPERATOR)
    @at("POST", f"{STORED}/{{entity_id}}/{{goal_id}}/execute", *REQUESTED, role=Role.OPERATOR)
    @at("POST", f"{_GOAL}/execute", *REQUESTED, role=Role.OPERATOR)
    async def execute(
        self, path: GoalPath, body: ExecuteRequest, local: bool, caller: Caller
    ) -> Requested:
        """Ask for a plan now instead of at the next occasion."""
        goal = await self._open_goal(path, local)
        told = (
            "a plan is made for show; GET .../plan shows it with what is expected of it"
            if body.dry_run
            else "a plan is asked for; what it may do is decided as for any other"
        )
        return await self._commands.to_entity(
            goal.entity_id,
            "goal.execute",
            told,
            caller=caller,
            target=goal.goal_id,
            arguments={"reason": body.reason, "dry_run": "true" if body.dry_run else ""},
        )

    @at("PUT", f"{STORED}/{{goal_id:path}}/progress", 409, media_type=MEDIA_TYPE)
    async def refuse_progress(self, path: GoalPath) -> Problem:
        """Always refused: progress follows measurements."""
        raise Refused(
            409,
            f"progress cannot be set: {ONLY_METRICS}",
            field="progress",
            value=path.goal_id,
            remedy="POST the values of the goal's target metric to /api/autonomous/metrics",
        )

    async def _open_goal(self, path: GoalPath, local: bool) -> Goal:
        goal = await self._found.goal(path, local=local)
        if not goal.status.is_open:
            raise Refused(
                409,
                f"the goal is {goal.status.value} already",
                field="goal_id",
                value=goal.goal_id,
                remedy="POST a new goal",
            )
        return goal


def _filters(asked: GoalsRequest) -> dict[str, str]:
    """The filters that are set; Refused with 400 for a value that no goal can have."""
    given = msgspec.structs.asdict(asked)
    for name, kinds in _FILTERS.items():
        require_one_of(name, given[name], kinds)
    return {name: given[name] for name in _FILTERS if given[name]}


def _fits(goal: dict[str, Any], wanted: dict[str, str]) -> bool:
    return all(goal.get(name) == value for name, value in wanted.items())


def _open(found: Mapping[str, Swept]) -> OpenGoalsAnswer:
    """The open goals of what was read of ``goals`` and ``plans``."""
    plans = _latest_plans(as_record(row, Plan) for row in found["plans"].rows)
    goals = [as_record(row, Goal) for row in found["goals"].rows]
    listed = sorted((g for g in goals if g.status.is_open), key=_urgency)
    return OpenGoalsAnswer(
        total_active_goals=len(listed),
        goals_by_type=counts(GoalType, (goal.goal_type for goal in listed)),
        goals_by_priority=counts(Priority, (goal.priority for goal in listed)),
        goals=[_summary(g, status(plans.get((g.entity_id, g.goal_id)))) for g in listed],
        complete=all_complete(found),
        unavailable=all_unavailable(found),
    )


def _latest_plans(plans: Iterable[Plan]) -> dict[tuple[str, str], Plan]:
    """The latest plan of each goal, by entity and goal id."""
    return {(plan.entity_id, plan.goal_id): plan for plan in sorted(plans, key=age)}


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
    return rest | {REQUESTER: by}


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
