"""The action records that a plan asks for."""

from __future__ import annotations

from msgspec import structs

from streams.core.kernel.ids import stable_id
from streams.core.kernel.names import ENGINE
from streams.records import Action, Goal, Plan, PlanStep

AGENT = "agent"
"""Parameter that names who is to carry an action out, where that is not anyone."""


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
