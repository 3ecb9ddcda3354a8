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


class PlanStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One action of a plan, before it is dispatched."""

    name: str
    params: dict[str, str] = {}


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
