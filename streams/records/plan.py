"""Ordered actions for one goal."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.records.base import Record


class Strategy(StrEnum):
    IMMEDIATE = "immediate"
    SCHEDULED = "scheduled"
    ADAPTIVE = "adaptive"
    COLLABORATIVE = "collaborative"


class PlanStatus(StrEnum):
    """scheduled -> running -> done, failed or cancelled; scheduled <-> waiting."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PlanPolicy(StrEnum):
    """What happens to later steps when one fails."""

    STOP = "stop"
    CONTINUE = "continue"


class StepStatus(StrEnum):
    """pending -> running -> done, failed or skipped; done -> undoing -> undone or stuck."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Never started, since the plan ended before."""
    UNDOING = "undoing"
    UNDONE = "undone"
    STUCK = "stuck"
    """Its undo failed."""


class PlanStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One action of a plan."""

    name: str
    """Action type."""
    params: dict[str, str] = {}
    status: StepStatus = StepStatus.PENDING
    action_id: str = ""
    """Of the action record; empty until it is asked for."""
    started_at: int | None = None
    ended_at: int | None = None
    error: str = ""
    undo: str = ""
    """Action type that undoes it; empty where nothing does."""
    undo_action_id: str = ""
    agent: str = ""
    """Who is to carry it out; empty for anyone."""


class Plan(Record, frozen=True, kw_only=True):
    plan_id: str
    goal_id: str
    strategy: Strategy
    scheduled_time: int
    """When the plan is due, ms."""
    estimated_duration_ms: int = 0
    resource_requirements: dict[str, float] = {}
    dependencies: tuple[str, ...] = ()
    actions: tuple[PlanStep, ...] = ()
    priority_score: float = 0.0
    """0..150."""
    status: PlanStatus = PlanStatus.SCHEDULED
    attempt: int = 1
    policy: PlanPolicy = PlanPolicy.STOP
    approved_by: str = ""
    revision: int = 0
    """Each record about a plan has a higher one than the record before."""
    reason: str = ""
    """Why it waits, failed or was cancelled."""
    expires_at: int | None = None
    """Moment at which a plan that waits for approval is given up, ms."""
    started_at: int | None = None
    ended_at: int | None = None
    proposal: str = ""
    """Name of the candidate that was chosen, as in the decision."""
    reversible: bool = True
    """False when a step cannot be undone."""
    dry_run: bool = False
    """True when no step of it will be asked for, whatever happens."""
    expected_metric: str = ""
    expected_effect: float | None = None
    """Expected change of the metric that the plan causes, in the metric's unit."""
    expected_lower: float | None = None
    expected_upper: float | None = None
