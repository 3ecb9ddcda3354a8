"""The steps of a plan: which is in flight, which comes next, which must be undone, and when."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from streams.core.metric.text import plain_text
from streams.core.planning.config import PlanningConfig
from streams.records import Plan, PlanStatus, PlanStep, StepStatus

ERROR_LIMIT = 500
"""Characters of an error that a step keeps; the outcome has all of it."""

Steps = tuple[PlanStep, ...]

_IN_FLIGHT = (StepStatus.RUNNING, StepStatus.UNDOING)
_SUCCEEDED = (StepStatus.DONE, StepStatus.UNDOING, StepStatus.UNDONE, StepStatus.STUCK)


def in_flight(steps: Sequence[PlanStep]) -> int | None:
    """Index of the step whose action or undo was asked for and has no outcome yet."""
    return next((i for i, step in enumerate(steps) if step.status in _IN_FLIGHT), None)


def next_pending(steps: Sequence[PlanStep]) -> int | None:
    """Index of the first step that was not asked for."""
    return next((i for i, step in enumerate(steps) if step.status is StepStatus.PENDING), None)


def next_undo(steps: Sequence[PlanStep]) -> int | None:
    """Index of the last step that is done and can be undone."""
    last_first = range(len(steps) - 1, -1, -1)
    return next(
        (i for i in last_first if steps[i].status is StepStatus.DONE and steps[i].undo), None
    )


def succeeded(step: PlanStep) -> bool:
    """Whether its action succeeded, undone later or not."""
    return step.status in _SUCCEEDED


def any_failed(steps: Sequence[PlanStep]) -> bool:
    return any(step.status is StepStatus.FAILED for step in steps)


def last_end(steps: Sequence[PlanStep]) -> int | None:
    """When an action or undo ended last, ms; None when none did."""
    return max((step.ended_at for step in steps if step.ended_at is not None), default=None)


def with_step(steps: Steps, index: int, step: PlanStep) -> Steps:
    return (*steps[:index], step, *steps[index + 1 :])


def skip_pending(steps: Steps) -> Steps:
    """None of the steps that were not asked for will be."""
    return tuple(
        structs.replace(step, status=StepStatus.SKIPPED)
        if step.status is StepStatus.PENDING
        else step
        for step in steps
    )


def ended(step: PlanStep, now: int, *, good: bool, error: str = "") -> PlanStep:
    """``step`` whose action or undo in flight ended at ``now``, with the reason if it failed."""
    if step.status is StepStatus.UNDOING:
        status = StepStatus.UNDONE if good else StepStatus.STUCK
    else:
        status = StepStatus.DONE if good else StepStatus.FAILED
    return structs.replace(
        step,
        status=status,
        ended_at=now if step.started_at is None else max(now, step.started_at),
        error=plain_text(error, ERROR_LIMIT),
    )


def wake_at(plan: Plan, config: PlanningConfig) -> int | None:
    """Moment (ms) from which a look at the plan may change it; None when none will come.

    In flight: the end of the lease. Running: the end of the delay between two steps. Scheduled:
    when it is due. Waiting: when what it waits for is given up. It may lie in the past.
    """
    index = in_flight(plan.actions)
    if index is not None:
        started = plan.actions[index].started_at
        return plan.timestamp if started is None else started + config.lease_ms
    if plan.status is PlanStatus.WAITING:
        return plan.expires_at
    if plan.dry_run:
        return None
    if plan.status is PlanStatus.SCHEDULED:
        return plan.scheduled_time
    if plan.status is PlanStatus.RUNNING:
        last = last_end(plan.actions)
        return plan.timestamp if last is None else last + config.action_delay_ms
    return None
