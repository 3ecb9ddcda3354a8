"""What was done for an entity so far, in numbers."""

from __future__ import annotations

import msgspec

from streams.core.execution.steps import succeeded
from streams.records import Plan, PlanStatus, StepStatus


class Counters(msgspec.Struct, kw_only=True):
    """Since the entity's state began; mutable."""

    predictions: int = 0
    plans_done: int = 0
    plans_failed: int = 0
    plans_cancelled: int = 0
    """After they had begun."""
    actions_done: int = 0
    """Steps of plans that succeeded."""
    actions_failed: int = 0
    execution_ms: int = 0
    """Sum over the plans that began and ended."""
    last_execution: int | None = None
    """When the latest one ended, ms."""
    last_analysis: int | None = None
    """Event time, ms."""

    @property
    def executions(self) -> int:
        """Plans that began and ended."""
        return self.plans_done + self.plans_failed + self.plans_cancelled


def count_plan(counters: Counters, plan: Plan) -> None:
    """Take note of a plan that has just ended; one that never began does not count."""
    if plan.started_at is None or plan.ended_at is None:
        return
    counters.plans_done += plan.status is PlanStatus.DONE
    counters.plans_failed += plan.status is PlanStatus.FAILED
    counters.plans_cancelled += plan.status is PlanStatus.CANCELLED
    counters.actions_done += sum(succeeded(step) for step in plan.actions)
    counters.actions_failed += sum(step.status is StepStatus.FAILED for step in plan.actions)
    counters.execution_ms += max(0, plan.ended_at - plan.started_at)
    counters.last_execution = plan.ended_at
