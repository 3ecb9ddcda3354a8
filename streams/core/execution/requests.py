"""The action records that a plan asks for, and their outcomes where no handler finished them."""

from __future__ import annotations

from msgspec import structs

from streams.core.kernel.ids import stable_id
from streams.core.kernel.names import ENGINE
from streams.core.outcomes.build import unfinished
from streams.records import Action, Goal, Outcome, OutcomeStatus, Plan, PlanStep

AGENT = "agent"
"""Parameter that names who is to carry an action out, where that is not anyone."""
KILL_SWITCH = "KillSwitch"
LEASE_EXPIRED = "LeaseExpired"


def action_id(plan_id: str, index: int) -> str:
    """Id of the action of a step: one per step of a plan."""
    return stable_id("action", plan_id, index)


def undo_action_id(plan_id: str, index: int) -> str:
    """Id of the action that undoes a step: one per step of a plan."""
    return stable_id("action", plan_id, index, "undo")


def step_action(plan: Plan, goal: Goal, index: int, now: int, lease_ms: int) -> Action:
    """The action of step ``index``, asked for at ``now`` (ms).

    It must start within the lease, and before the goal is due if that is still to come.
    """
    step = plan.actions[index]
    return Action(
        entity_id=plan.entity_id,
        entity_type=plan.entity_type,
        timestamp=now,
        correlation_id=plan.correlation_id,
        action_id=action_id(plan.plan_id, index),
        action_type=step.name,
        params=_params(step),
        goal_id=plan.goal_id,
        plan_id=plan.plan_id,
        step=index,
        requested_by=ENGINE,
        requested_at=now,
        deadline=_deadline(goal, now, now + lease_ms),
    )


def undo_action(plan: Plan, goal: Goal, index: int, now: int, lease_ms: int) -> Action:
    """The action that undoes step ``index``: same parameters, the undone action is its parent.

    It is due within the lease alone: what was done for a goal is also undone after its deadline.
    """
    step = plan.actions[index]
    return structs.replace(
        step_action(plan, goal, index, now, lease_ms),
        action_id=undo_action_id(plan.plan_id, index),
        action_type=step.undo,
        parent_action_id=step.action_id,
        deadline=now + lease_ms,
    )


def _params(step: PlanStep) -> dict[str, str]:
    return step.params | {AGENT: step.agent} if step.agent else dict(step.params)


def _deadline(goal: Goal, now: int, lease_end: int) -> int:
    if goal.deadline is None or goal.deadline <= now:
        return lease_end
    return min(lease_end, goal.deadline)


def halted(action: Action, reason: str, now: int, *, resumed: bool = False) -> Outcome:
    """The outcome of an action that the kill switch kept from starting at ``now`` (ms).

    ``resumed`` says that an earlier worker may have begun it.
    """
    message = f"not started, since acts are halted: {reason}"
    if resumed:
        message += "; a worker that was lost may have begun it: check what it did"
    return unfinished(action, KILL_SWITCH, message, now, OutcomeStatus.CANCELLED)


def lease_over(action: Action, now: int) -> Outcome:
    """The outcome of an action that had none when its lease ended; what it did is not known."""
    message = "no outcome came within the lease; check what it did before asking again"
    return unfinished(action, LEASE_EXPIRED, message, now, OutcomeStatus.TIMEOUT)
