"""What is asked and answered about goals and plans under ``/api/autonomous``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.core.execution.report import ExecutionStatus
from streams.records import Direction, GoalOrigin, GoalStatus, GoalType, Priority
from streams.web.ingest import Millis
from streams.web.requests import Message, Name

_ENTITY_ALIASES = {"entity": "entity_id"}
_GOAL_ALIASES = {"entity": "entity_id", "metric": "target_metric", "metric_name": "target_metric"}

Names = Annotated[list[Name], Meta(max_length=100)]
Duration = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=2000)]


class OpenGoalsRequest(Message, frozen=True, kw_only=True):
    """Whose goals are asked for."""

    aliases = _ENTITY_ALIASES
    entity_id: Name | None = None
    """Of this entity; without it those of all."""


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

    aliases = _GOAL_ALIASES
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
    by: Text = ""
    """Who asks: for what cannot be undone somebody else has to approve."""
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


class Said(Message, frozen=True, kw_only=True):
    """Who wants it, and why. The name is taken as given: the token does not tell people apart."""

    by: Text = ""
    reason: Text = ""


class ExecuteRequest(Said, frozen=True, kw_only=True):
    """Who wants a plan, and why."""

    dry_run: bool = False
    """Only show the plan and what is expected of it."""


class Signed(Message, frozen=True, kw_only=True):
    """Who decides, and why."""

    by: Name
    reason: Text = ""


class PlansRequest(Message, frozen=True, kw_only=True):
    """Which plans are asked for; what is left out keeps all."""

    aliases = _ENTITY_ALIASES
    entity_id: Name | None = None
    goal_id: str = ""
    status: str = ""


class PlansAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Plan records: all open ones and the latest ended ones."""

    plans: list[object]
    complete: bool
    unavailable: list[str]
