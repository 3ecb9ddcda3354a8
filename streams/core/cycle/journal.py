"""What the cycle keeps and publishes: plans, and why nothing is planned for a goal."""

from __future__ import annotations

from streams.core.execution.state import PlanEntry, Plans
from streams.core.goals.state import Goals
from streams.core.kernel.journal import decide
from streams.core.kernel.names import PLANS
from streams.core.kernel.turn import Turn
from streams.records import Goal, Plan


def store_plan(turn: Turn, plan: Plan) -> None:
    """Keep a plan's new revision and publish it."""
    entries = turn.edit(Plans).entries
    entries.setdefault(plan.plan_id, PlanEntry(plan)).plan = plan
    turn.emit(PLANS, plan)


def hold(turn: Turn, goal: Goal, reason: str) -> bool:
    """Nothing is planned for the goal: publish why, once as long as the kind of reason stays.
    Returns whether it is news."""
    kind = reason.partition(";")[0]
    if turn.read(Goals).entries[goal.goal_id].held == kind:
        return False
    turn.edit(Goals).entries[goal.goal_id].held = kind
    decide(
        turn,
        "refusal",
        goal.goal_id,
        correlation_id=goal.correlation_id,
        chosen="no_plan",
        reason=reason,
    )
    return True


def let_go(turn: Turn, goal_id: str) -> None:
    """The goal is planned for, or closed."""
    if turn.read(Goals).entries[goal_id].held:
        turn.edit(Goals).entries[goal_id].held = ""
