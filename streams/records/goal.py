"""A target for one metric of one entity."""

from __future__ import annotations

from enum import StrEnum

from streams.records.base import Priority, Record


class GoalType(StrEnum):
    RESOURCE_OPTIMIZATION = "resource_optimization"
    PERFORMANCE_TARGET = "performance_target"
    CAPACITY_PLANNING = "capacity_planning"
    BOTTLENECK_PREVENTION = "bottleneck_prevention"
    COST_REDUCTION = "cost_reduction"
    SLA_MAINTENANCE = "sla_maintenance"
    PATTERN_ADAPTATION = "pattern_adaptation"


class GoalStatus(StrEnum):
    """active -> in_progress -> achieved, failed or cancelled."""

    ACTIVE = "active"
    IN_PROGRESS = "in_progress"
    ACHIEVED = "achieved"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        return self in (GoalStatus.ACTIVE, GoalStatus.IN_PROGRESS)


class GoalOrigin(StrEnum):
    USER = "user"
    AUTONOMOUS = "autonomous"
    LOOP = "loop"


class Direction(StrEnum):
    """How the target is meant: hit it, stay at or below it, stay at or above it."""

    REACH = "reach"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"


class Trend(StrEnum):
    """Change of the absolute distance to the target."""

    STABLE = "stable"
    TOWARD_GOAL = "toward_goal"
    AWAY_FROM_GOAL = "away_from_goal"


class CauseKind(StrEnum):
    REQUEST = "request"
    PREDICTION = "prediction"
    PATTERN = "pattern"
    RULE = "rule"
    EVENT = "event"
    """An event of type ``goal_state``: whoever sends events has asked, not a person."""


class Goal(Record, frozen=True, kw_only=True):
    """State of one goal. Each record about it has a higher ``revision`` than the one before.

    A record with ``revision`` 0 is a request by a user; revisions from 1 on are written by
    the engine alone.
    """

    goal_id: str
    goal_type: GoalType = GoalType.PERFORMANCE_TARGET
    priority: Priority = Priority.MEDIUM
    description: str = ""
    target_metric: str
    target_value: float
    unit: str = ""
    direction: Direction = Direction.REACH
    baseline: float | None = None
    """Metric value when the goal was created; fixed from then on."""
    current_value: float | None = None
    gap: float | None = None
    """target - current, signed, in the metric's unit."""
    trend: Trend = Trend.STABLE
    progress: float = 0.0
    """0..1, from measured metrics only."""
    hold_ms: int = 0
    """How long an at_most or at_least target must hold before the goal is achieved."""
    met_since: int | None = None
    deadline: int | None = None
    status: GoalStatus = GoalStatus.ACTIVE
    created_at: int | None = None
    closed_at: int | None = None
    close_reason: str = ""
    actions: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    origin: GoalOrigin = GoalOrigin.USER
    group_id: str = ""
    parent_id: str = ""
    """Goal whose part this one is; the parent's progress is the mean of its parts'."""
    attempts: int = 0
    """Plans that were carried out for it and ended."""
    cause_kind: CauseKind = CauseKind.REQUEST
    cause_id: str = ""
    cause_numbers: dict[str, float] = {}
    """The numbers that led to the goal, by name."""
    dedupe_key: str = ""
    """entity, type, metric and cause; at most one open goal per key."""
    metadata: dict[str, str] = {}
    revision: int = 0
