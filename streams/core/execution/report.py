"""What can be told of a plan: where it stands, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from streams.core.execution.machine import ENDED
from streams.core.execution.steps import succeeded
from streams.records import Outcome, Plan, PlanStatus, PlanStep, StepStatus, Strategy


class ExecutionPhase(StrEnum):
    SCHEDULED = "scheduled"
    """Or waiting for something before it is due again."""
    EXECUTING = "executing"
    COMPLETED = "completed"
    """Done, failed or cancelled."""


class ExecutionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a plan stands."""

    status: ExecutionPhase
    scheduled_time: int
    """When it is or was due, ms."""
    strategy: Strategy
    success: bool | None = None
    """None until it has ended."""
    execution_time_ms: int | None = None
    """From its start to its end; None until it has ended."""
    reason: str = ""


class ExecutionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan, so far or in the end."""

    plan_id: str
    goal_id: str
    success: bool
    """At least one action was done, none failed, and the plan has ended."""
    actions_completed: tuple[str, ...] = ()
    """Action types in the order of the steps; those that were undone later are among them."""
    actions_failed: tuple[str, ...] = ()
    actions_undone: tuple[str, ...] = ()
    impact_claimed: dict[str, dict[str, float]] = {}
    """Action id to metric to change in the metric's unit, as the handlers say. What was measured
    is told by the plan's verification, never by this."""
    execution_time_ms: int = 0
    """From the start to the end, or to the latest change; 0 when it never began."""
    lessons_learned: tuple[str, ...] = ()
    """One text per failure."""

    @property
    def impact_total(self) -> dict[str, float]:
        """Sum of the claims by metric."""
        total: dict[str, float] = {}
        for claimed in self.impact_claimed.values():
            for metric, change in claimed.items():
                total[metric] = total.get(metric, 0.0) + change
        return total


def status(plan: Plan | None) -> ExecutionStatus | None:
    """Where a goal's latest plan stands; None when there is none."""
    if plan is None:
        return None
    over = plan.status in ENDED
    phase = ExecutionPhase.COMPLETED if over else ExecutionPhase.SCHEDULED
    return ExecutionStatus(
        status=ExecutionPhase.EXECUTING if plan.status is PlanStatus.RUNNING else phase,
        scheduled_time=plan.scheduled_time,
        strategy=plan.strategy,
        success=plan.status is PlanStatus.DONE if over else None,
        execution_time_ms=_duration(plan) if over else None,
        reason=plan.reason,
    )


def result(plan: Plan, outcomes: Iterable[Outcome] = ()) -> ExecutionResult:
    """What came of ``plan``. ``outcomes`` are those known; others than the plan's are ignored."""
    asked = {id_ for step in plan.actions for id_ in (step.action_id, step.undo_action_id) if id_}
    return ExecutionResult(
        plan_id=plan.plan_id,
        goal_id=plan.goal_id,
        success=plan.status is PlanStatus.DONE,
        actions_completed=tuple(step.name for step in plan.actions if succeeded(step)),
        actions_failed=_names(plan, StepStatus.FAILED),
        actions_undone=_names(plan, StepStatus.UNDONE),
        impact_claimed={
            outcome.action_id: dict(outcome.impact_claimed)
            for outcome in outcomes
            if outcome.action_id in asked and outcome.impact_claimed
        },
        execution_time_ms=_duration(plan),
        lessons_learned=tuple(_lesson(step) for step in plan.actions if _has_lesson(step)),
    )


def _names(plan: Plan, status: StepStatus) -> tuple[str, ...]:
    return tuple(step.name for step in plan.actions if step.status is status)


def _has_lesson(step: PlanStep) -> bool:
    return step.status in (StepStatus.FAILED, StepStatus.STUCK)


def _lesson(step: PlanStep) -> str:
    what = step.name if step.status is StepStatus.FAILED else f"undo of {step.name}"
    return f"{what} failed: {step.error}" if step.error else f"{what} failed"


def _duration(plan: Plan) -> int:
    if plan.started_at is None:
        return 0
    return max(0, (plan.timestamp if plan.ended_at is None else plan.ended_at) - plan.started_at)
