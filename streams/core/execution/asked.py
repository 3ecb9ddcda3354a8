"""Which actions the plans of an entity have asked for: others may not pass for theirs."""

from __future__ import annotations

from streams.core.execution.requests import action_id, undo_action_id
from streams.core.execution.state import Plans
from streams.core.kernel.turn import Turn
from streams.records import Action, StepStatus


def status_of(turn: Turn, action: Action) -> StepStatus | None:
    """Status of the step that an action of a plan belongs to; None when no plan has asked for it.

    While the action is in flight that is running, or undoing for the action that undoes a step.
    """
    plan = turn.read(Plans).get(action.plan_id)
    for step in () if plan is None else plan.actions:
        if action.action_id == step.undo_action_id:
            return step.status
        if action.action_id == step.action_id:
            # What was done and is being undone is not in flight itself.
            return StepStatus.DONE if step.undo_action_id else step.status
    return None


def is_still_to_ask(turn: Turn, id_: str) -> bool:
    """Whether a plan may ask for the action of this id, and has not done so."""
    for entry in turn.read(Plans).entries.values():
        plan = entry.plan
        for index, step in enumerate(plan.actions):
            if not step.action_id and id_ == action_id(plan.plan_id, index):
                return True
            if step.undo and not step.undo_action_id and id_ == undo_action_id(plan.plan_id, index):
                return True
    return False
