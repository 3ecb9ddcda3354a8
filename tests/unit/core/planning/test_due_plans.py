"""Which plans start, and why others wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.planning.due import blocker, due_plans, select
from streams.records import Direction, Goal, GoalStatus, Plan, PlanStatus
from tests.kits.core.planning import (
    HOUR,
    NOW,
    goal,
    plan,
    proposal,
    replaced,
    running,
    spec,
)


def goals(*several: Goal) -> dict[str, Goal]:
    return {each.goal_id: each for each in several}


def ids(plans: list[Plan] | tuple[Plan, ...]) -> list[str]:
    return [each.plan_id for each in plans]


def apart(count: int) -> list[Goal]:
    """Goals that have no metric in common."""
    return [goal(goal_id=f"g-{index}", target_metric=f"m{index}") for index in range(count)]


@pytest.mark.spec("S1-110")
def test_the_three_best_of_five_due_plans_start() -> None:
    several = apart(7)
    plans = [
        plan(f"p-{index}", several[index], score=score)
        for index, score in enumerate([60.0, 125.0, 35.0, 85.0, 110.0])
    ]
    plans.append(plan("later", several[5], score=150.0, due=NOW + 1))
    plans.append(running("runs", several[6], score=150.0))
    assert ids(due_plans(plans, NOW, 3)) == ["p-1", "p-4", "p-3"]


@pytest.mark.spec("S1-004")
def test_of_two_plans_due_now_the_higher_score_starts_first() -> None:
    first, second = apart(2)
    plans = [plan("low", first, score=50.0), plan("high", second, score=90.0)]
    chosen = select(plans, NOW, limit=3, goals=goals(first, second), free={})
    assert ids(chosen.start) == ["high", "low"]


def test_equal_scores_start_in_the_order_in_which_they_were_due() -> None:
    plans = [plan("b"), plan("a"), plan("c", due=NOW - HOUR)]
    assert ids(due_plans(plans, NOW, 9)) == ["c", "a", "b"]


@pytest.mark.parametrize("status", [each for each in PlanStatus if each.value != "scheduled"])
def test_only_scheduled_plans_are_due(status: PlanStatus) -> None:
    assert due_plans([plan(status=status)], NOW, 9) == []


def test_dry_runs_are_never_due_and_no_slot_is_none() -> None:
    assert due_plans([plan(dry_run=True)], NOW, 9) == []
    assert due_plans([plan()], NOW, 0) == due_plans([plan()], NOW, -1) == []


def test_running_plans_take_slots() -> None:
    several = apart(7)
    plans = [running("r-0", several[0]), running("r-1", several[1])]
    plans += [plan(f"p-{index}", several[index]) for index in range(2, 7)]
    chosen = select(plans, NOW, limit=3, goals=goals(*several), free={})
    assert ids(chosen.start) == ["p-2"]
    assert chosen.blocked == ()
    assert select(plans, NOW, limit=1, goals=goals(*several), free={}).start == ()


@pytest.mark.spec("S1-105")
def test_opposing_plans_on_one_metric_do_not_run_together() -> None:
    up = goal(goal_id="up", direction=Direction.AT_LEAST, target_value=40.0)
    down = goal(goal_id="down", direction=Direction.AT_MOST, target_value=60.0)
    plans = [plan("p-up", up, score=90.0), plan("p-down", down, score=80.0)]
    chosen = select(plans, NOW, limit=3, goals=goals(up, down), free={})
    assert ids(chosen.start) == ["p-up"]
    [(waiting, reason)] = chosen.blocked
    assert waiting.plan_id == "p-down"
    assert reason == "plan 'p-up' moves cpu until it ends"
    ended = [replaced(plans[0], status=PlanStatus.DONE), plans[1]]
    assert ids(select(ended, NOW, limit=3, goals=goals(up, down), free={}).start) == ["p-down"]


def test_plans_whose_actions_move_each_other_s_metric_take_turns() -> None:
    actions = {
        "scale_up": spec("cpu", effect={"cpu": -20.0, "cost": 4.0}),
        "scale_down": spec("cost", effect={"cpu": 20.0, "cost": -4.0}),
    }
    cpu, cost = goal(goal_id="a"), goal(goal_id="b", target_metric="cost")
    up = running("up", cpu, proposal=proposal("scale_up"))
    down = plan("down", cost, proposal=proposal("scale_down"))
    assert "moves cost, cpu" in blocker(down, [up], goals(cpu, cost), {}, actions)
    assert blocker(down, [up], goals(cpu, cost), {}) == ""


def test_a_plan_is_not_in_its_own_way_nor_in_that_of_another_entity() -> None:
    one = running("p-1")
    assert blocker(one, [one], {}, {}) == ""
    elsewhere = running("p-2", entity_id="other")
    assert blocker(one, [elsewhere], {}, {}) == ""


@pytest.mark.parametrize("status", list(GoalStatus))
def test_a_plan_waits_until_what_it_depends_on_is_achieved(status: GoalStatus) -> None:
    needed = goal(goal_id="first", status=status)
    waiting = plan(of=goal(dependencies=("first",)))
    reason = blocker(waiting, [], goals(needed), {})
    achieved = status is GoalStatus.ACHIEVED
    assert reason == ("" if achieved else f"depends on goal 'first', which is {status.value}")


def test_a_dependency_that_is_not_known_is_not_achieved() -> None:
    assert "not known" in blocker(plan(of=goal(dependencies=("gone",))), [], {}, {})


@pytest.mark.spec("S1-124")
def test_a_plan_waits_while_less_is_free_than_it_requires() -> None:
    needy = plan(proposal=proposal(resources={"memory": 30.0}))
    assert blocker(needy, [], {}, {"memory": 20.0}) == "needs 30 of memory, 20 is free"
    chosen = select([needy], NOW, limit=3, goals={}, free={"memory": 20.0})
    assert chosen.start == ()
    assert blocker(needy, [], {}, {"memory": 30.0}) == ""
    assert "not known" in blocker(needy, [], {}, {})


def test_what_running_plans_require_is_not_given_away_twice() -> None:
    first, second = apart(2)
    needs = {"proposal": proposal(resources={"memory": 30.0})}
    plans = [plan("p-1", first, **needs), plan("p-2", second, **needs)]
    chosen = select(plans, NOW, limit=3, goals={}, free={"memory": 50.0})
    assert ids(chosen.start) == ["p-1"]
    [(_, reason)] = chosen.blocked
    assert reason == "needs 30 of memory, 20 is free (30 held for running plans)"
    assert len(select(plans, NOW, limit=3, goals={}, free={"memory": 60.0}).start) == 2


def test_a_blocked_plan_takes_no_slot() -> None:
    first, second = apart(2)
    blocked = plan("p-1", first, score=150.0, proposal=proposal(resources={"memory": 30.0}))
    chosen = select([blocked, plan("p-2", second)], NOW, limit=1, goals={}, free={})
    assert ids(chosen.start) == ["p-2"]


def test_nothing_is_required_where_nothing_is_asked_for() -> None:
    assert blocker(plan(proposal=proposal(resources={"memory": 0.0})), [], {}, {}) == ""


PLANS = st.builds(
    lambda number, metric, score, ahead, status, memory: plan(
        f"p-{number}",
        goal(goal_id=f"g-{number}", target_metric=metric),
        score=score,
        due=NOW + ahead,
        status=status,
        proposal=proposal(resources={"memory": memory}),
    ),
    st.integers(0, 99),
    st.sampled_from("abcdef"),
    st.floats(0, 150),
    st.integers(-HOUR, HOUR),
    st.sampled_from([PlanStatus.SCHEDULED, PlanStatus.SCHEDULED, PlanStatus.DONE]),
    st.floats(0, 40),
)


@given(st.lists(PLANS, max_size=12, unique_by=lambda each: each.plan_id), st.integers(0, 4))
def test_what_runs_stays_within_every_limit(plans: list[Plan], limit: int) -> None:
    chosen = select(plans, NOW, limit=limit, goals={}, free={"memory": 100.0})
    started = chosen.start
    assert len(started) <= limit
    assert len({each.expected_metric for each in started}) == len(started)
    assert sum(each.resource_requirements["memory"] for each in started) <= 100 + 1e-9
    assert all(each.scheduled_time <= NOW for each in started)
    scores = [each.priority_score for each in started]
    assert scores == sorted(scores, reverse=True)
    again = select(plans[::-1], NOW, limit=limit, goals={}, free={"memory": 100.0})
    assert again == chosen
