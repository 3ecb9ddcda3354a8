"""When, in principle, a goal's plan should run."""

from __future__ import annotations

from collections.abc import Mapping

from streams.records import Goal, GoalType, Priority, Strategy


def choose_strategy(goal: Goal, best: Mapping[GoalType, Strategy], shared: bool) -> Strategy:
    """The strategy that did best for this type of goal, where enough was seen to tell.

    Otherwise at once for a critical goal, together with others where its metric is ``shared``
    with another open plan, at a time of low load for capacity planning, else as the state of
    the entity asks for.
    """
    learned = best.get(goal.goal_type)
    if learned is not None:
        return learned
    if goal.priority is Priority.CRITICAL:
        return Strategy.IMMEDIATE
    if shared:
        return Strategy.COLLABORATIVE
    if goal.goal_type is GoalType.CAPACITY_PLANNING:
        return Strategy.SCHEDULED
    return Strategy.ADAPTIVE
