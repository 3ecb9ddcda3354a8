"""How much is done, how soon, and how often: slots, delays, budgets, attempts."""

from __future__ import annotations

from itertools import pairwise

import pytest

from streams.core.metric.config import MetricConfig
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import GoalStatus, PlanStatus, Priority
from tests.kits.core.loop import (
    HOUR,
    MINUTE,
    Loop,
    config_of,
    done,
    failed,
    silent,
    urgent,
)

METRICS = tuple(f"m{i}" for i in range(6))
"""Each may be changed without the others."""


def wide(**fields: object) -> Loop:
    """Many metrics, one action for each, and handlers that keep quiet."""
    actions = {f"fix_{name}": ActionSpec(metrics=(name,), unattended=True) for name in METRICS}
    safety = SafetyConfig(mode=Mode.ACT, acts_per_window=100)
    return Loop(
        config_of(
            metrics={name: MetricConfig() for name in METRICS},
            actions=actions,
            safety=safety,
            **fields,
        ),
        silent,
    )


def ask_all(loop: Loop, count: int) -> None:
    for name in METRICS[:count]:
        loop.ask(urgent(goal_id=f"g-{name}", target_metric=name, actions=(f"fix_{name}",)))


def running(loop: Loop) -> int:
    return sum(plan.status is PlanStatus.RUNNING for plan in loop.plans())


# -- slots ----------------------------------------------------------------------------------------


def test_at_most_three_plans_of_an_entity_run_at_once() -> None:
    loop = wide()
    ask_all(loop, 5)
    assert (running(loop), len(loop.asked)) == (3, 3)
    for action in list(loop.asked):
        loop.settle(done(action), action)
    assert (running(loop), len(loop.asked)) == (2, 5)


@pytest.mark.spec("S1-159")
def test_with_one_slot_plans_run_one_after_the_other() -> None:
    loop = wide(planning=PlanningConfig(max_concurrent_goals=1))
    ask_all(loop, 2)
    assert running(loop) == 1
    (first,) = loop.asked
    loop.wait(MINUTE)
    assert loop.asked == [first]
    loop.settle(done(first), first)
    assert [action.action_type for action in loop.asked] == ["fix_m0", "fix_m1"]


def test_the_most_urgent_of_two_due_plans_gets_the_slot() -> None:
    loop = wide(planning=PlanningConfig(max_concurrent_goals=1, adaptive_delay_ms=MINUTE))
    for name, priority in (("m0", Priority.LOW), ("m1", Priority.HIGH)):
        wanted = urgent(
            goal_id=name, target_metric=name, actions=(f"fix_{name}",), priority=priority
        )
        loop.ask(wanted)
    loop.wait(MINUTE)
    assert [action.goal_id for action in loop.asked] == ["m1"]


def test_two_goals_on_one_metric_do_not_run_together() -> None:
    loop = wide()
    for i, direction in enumerate(("at_most", "at_least")):
        wanted = urgent(
            float(60 - 10 * i),
            goal_id=f"g-{i}",
            target_metric="m0",
            actions=("fix_m0",),
            metadata={"side": direction},
            group_id=str(i),
        )
        loop.ask(wanted)
    assert running(loop) <= 1
    (first,) = loop.asked
    loop.settle(done(first), first)
    loop.wait(HOUR)
    begun = [plan for plan in loop.plans() if plan.started_at is not None]
    assert {plan.goal_id for plan in begun} == {"g-0", "g-1"}
    begun.sort(key=lambda plan: plan.started_at or 0)
    rest = loop.bench.config.safety.cooldown_ms
    for before, after in pairwise(begun):
        assert after.started_at is not None
        assert after.started_at >= (before.started_at or 0) + rest
        assert before.ended_at is not None
        assert after.started_at >= before.ended_at


# -- how soon -------------------------------------------------------------------------------------


@pytest.mark.spec("S1-112")
@pytest.mark.spec("S1-158")
def test_a_plan_starts_with_the_tick_at_the_moment_at_which_it_is_due() -> None:
    loop = Loop()
    loop.measure(90.0)
    loop.ask(urgent(priority=Priority.HIGH))
    (plan,) = loop.plans()
    assert plan.scheduled_time == loop.now + loop.bench.config.planning.adaptive_delay_ms
    (wake,) = loop.bench.partition.timers.values()
    assert wake.at == plan.scheduled_time
    loop.advance(plan.scheduled_time - 1)
    assert loop.asked == []
    loop.advance(plan.scheduled_time)
    (action,) = loop.asked
    assert action.timestamp == plan.scheduled_time


@pytest.mark.spec("S1-152")
def test_a_goal_is_planned_with_the_record_that_brings_it() -> None:
    loop = Loop()
    seen = loop.ask(urgent(priority=Priority.LOW))
    assert [plan.goal_id for plan in seen.records("plans")] == ["g-1"]


def test_a_goal_that_depends_on_another_starts_after_that_is_achieved() -> None:
    loop = wide()
    loop.measure(90.0, name="m0")
    ask_all(loop, 1)
    loop.ask(
        urgent(goal_id="g-later", target_metric="m1", actions=("fix_m1",), dependencies=("g-m0",))
    )
    loop.wait(MINUTE)
    assert [action.goal_id for action in loop.asked] == ["g-m0"]
    loop.settle(done(loop.asked[0]), loop.asked[0])
    loop.measure(50.0, name="m0", at=loop.now + MINUTE)
    assert loop.goal("g-m0").status is GoalStatus.ACHIEVED
    assert [action.goal_id for action in loop.asked] == ["g-m0", "g-later"]


# -- how often ------------------------------------------------------------------------------------


@pytest.mark.spec("S1-123")
def test_a_goal_whose_plans_fail_is_tried_again_up_to_the_limit() -> None:
    loop = Loop(handler=failed)
    loop.measure(90.0, name="queue")
    loop.ask(urgent(target_metric="queue"))
    for _ in range(48):
        loop.measure(90.0, name="queue", at=loop.now + HOUR // 2)
    planning = loop.bench.config.planning
    plans = loop.plans()
    assert len(plans) == len(loop.asked) == planning.max_attempts
    assert [plan.attempt for plan in plans] == [1, 2, 3]
    for before, after in pairwise(plans):
        assert before.ended_at is not None
        assert after.timestamp >= before.ended_at + planning.cooldown_ms
    closed = loop.goal()
    assert (closed.status, closed.attempts) == (GoalStatus.FAILED, 3)
    (told,) = loop.seen.records("alerts")
    assert (told.rule, told.goal_id) == ("goal_failed", "g-1")


def test_a_goal_that_is_met_is_not_planned_again() -> None:
    loop = Loop()
    loop.measure(90.0)
    loop.ask(urgent(hold_ms=2 * HOUR))
    for _ in range(20):
        loop.measure(50.0, at=loop.now + 10 * MINUTE)
    assert len(loop.plans()) == 1
    assert loop.goal().status is GoalStatus.ACHIEVED


def test_acts_stay_within_the_budget_of_the_window() -> None:
    safety = SafetyConfig(mode=Mode.ACT, acts_per_window=2, cooldown_ms=0)
    loop = Loop(config_of(safety=safety))
    for i in range(5):
        loop.ask(urgent(goal_id=f"g-{i}", target_metric=f"m{i}"))
    assert len(loop.asked) == 2
    late = [plan for plan in loop.plans() if plan.status is PlanStatus.SCHEDULED]
    assert len(late) == 3
    assert all("safety.acts_per_window" in plan.reason for plan in late)
    loop.wait(HOUR - 1)
    assert len(loop.asked) == 2
    loop.wait(1)
    assert len(loop.asked) == 4


def test_a_change_that_is_too_large_at_once_takes_a_person() -> None:
    large = ActionSpec(metrics=("cpu",), effect={"cpu": -60.0}, unattended=True)
    loop = Loop(config_of(actions={"scale_out": large}))
    loop.measure(90.0)
    loop.ask(urgent())
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.WAITING
    assert "safety.max_step_change" in plan.reason
    assert loop.asked == []


def test_the_breaker_opens_after_acts_that_did_not_help_and_lets_one_through_later() -> None:
    safety = SafetyConfig(mode=Mode.ACT, breaker_failures=2, breaker_open_ms=3 * HOUR)
    actions = {
        f"fix_{name}": ActionSpec(metrics=(name,), effect={name: -20.0}, unattended=True)
        for name in METRICS
    }
    metrics = {name: MetricConfig() for name in METRICS}
    loop = Loop(config_of(safety=safety, actions=actions, metrics=metrics))
    for name in METRICS[:2]:
        loop.measure(90.0, name=name)
    ask_all(loop, 2)
    for name in METRICS[:2]:
        loop.measure(95.0, name=name, at=loop.now + 6 * MINUTE)
    reasons = [told.reason for told in loop.decisions("verification")]
    assert reasons == ["it did not help"] * 2
    begun = len(loop.asked)
    opened = loop.now
    loop.ask(urgent(goal_id="g-m5", target_metric="m5", actions=("fix_m5",)))
    (held,) = loop.plans("g-m5")
    assert held.status is PlanStatus.SCHEDULED
    assert "breaker is open" in held.reason
    loop.advance(opened + 3 * HOUR - 1)
    assert len(loop.asked) == begun
    loop.wait(MINUTE)
    assert len(loop.asked) == begun + 1
