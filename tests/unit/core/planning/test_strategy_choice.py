"""Which strategy a goal's plan gets."""

from __future__ import annotations

from streams.core.planning.schedule import choose_strategy
from streams.records import GoalType, Priority, Strategy
from tests.kits.core.planning import goal

CAPACITY = GoalType.CAPACITY_PLANNING


def test_the_learned_strategy_comes_before_every_rule() -> None:
    best = {CAPACITY: Strategy.ADAPTIVE}
    critical = goal(goal_type=CAPACITY, priority=Priority.CRITICAL)
    assert choose_strategy(critical, best, True) is Strategy.ADAPTIVE
    other = goal(goal_type=GoalType.COST_REDUCTION, priority=Priority.CRITICAL)
    assert choose_strategy(other, best, True) is Strategy.IMMEDIATE


def test_without_one_the_first_rule_that_holds_decides() -> None:
    critical = goal(goal_type=CAPACITY, priority=Priority.CRITICAL)
    assert choose_strategy(critical, {}, True) is Strategy.IMMEDIATE
    assert choose_strategy(goal(goal_type=CAPACITY), {}, True) is Strategy.COLLABORATIVE
    assert choose_strategy(goal(goal_type=CAPACITY), {}, False) is Strategy.SCHEDULED
    assert choose_strategy(goal(), {}, False) is Strategy.ADAPTIVE
