"""What can be read of an entity after it was driven for a while."""

from __future__ import annotations

import pytest

from streams.core.cycle.summary import summary
from streams.core.goals.report import report
from streams.core.goals.state import Goals
from streams.core.learning.config import LearningConfig
from streams.core.learning.insights import insights
from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import ActionSpec
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import Action, GoalStatus, GoalType, OutcomeStatus, Priority, Strategy
from tests.kits.core.loop import HOUR, MINUTE, Loop, config_of, done, silent, urgent

FAILURE = HandlerResult(status=OutcomeStatus.FAILURE, error_type="Boom", error_message="no")
FREE = SafetyConfig(mode=Mode.ACT, acts_per_window=100, cooldown_ms=0)


def many(loop: Loop, count: int) -> None:
    """Goals on different metrics, each with one action."""
    for i in range(count):
        loop.ask(urgent(goal_id=f"g-{i}", target_metric=f"m{i}"))


def test_goals_are_counted_as_they_are_set() -> None:
    loop = Loop()
    for i in range(3):
        loop.wait(10 * MINUTE)
        loop.ask(urgent(goal_id=f"g-{i}", target_metric=f"m{i}", actions=()))
    assert report(loop.bench.entity().read(Goals)).total_goals == 3
    loop.ask(urgent(goal_id="g-0", target_metric="m0", actions=()))
    assert report(loop.bench.entity().read(Goals)).total_goals == 3


@pytest.mark.spec("S1-185")
def test_one_of_two_closed_goals_was_achieved() -> None:
    loop = Loop(config_of(actions={}))
    loop.ask(urgent(target_metric="m0", goal_id="g-0", actions=()))
    loop.ask(urgent(target_metric="m1", goal_id="g-1", actions=(), deadline=loop.now + HOUR))
    loop.measure(70.0, name="m0")
    loop.measure(50.0, name="m0", at=loop.now + MINUTE)
    loop.wait(2 * HOUR)
    told = report(loop.bench.entity().read(Goals))
    assert (told.achieved_goals, told.closed_goals) == (1, 2)
    assert told.achievement_rate == 0.5
    assert {each.goal_id: each.achieved for each in told.recent_achievements} == {
        "g-0": True,
        "g-1": False,
    }


@pytest.mark.spec("S1-186")
def test_nine_of_ten_actions_succeeded() -> None:
    def handle(action: Action) -> HandlerResult:
        return FAILURE if action.goal_id == "g-3" else done(action)

    loop = Loop(config_of(safety=FREE), handle)
    many(loop, 10)
    told = insights(loop.bench.state().learning)
    assert (told.success_rate.rate, told.success_rate.samples) == (0.9, 10)
    assert told.action_success_rates["scale_out"].rate == 0.9
    counters = loop.bench.state().counters
    assert (counters.actions_done, counters.actions_failed) == (9, 1)


@pytest.mark.spec("S1-106")
def test_a_strategy_that_proved_itself_comes_before_the_rules() -> None:
    loop = Loop(config_of(safety=FREE, learning=LearningConfig(min_samples=3)))

    def strategies(goal_id: str, priority: Priority, goal_type: GoalType) -> set[Strategy]:
        loop.ask(
            urgent(goal_id=goal_id, target_metric=goal_id, priority=priority, goal_type=goal_type)
        )
        loop.wait(HOUR)
        return {plan.strategy for plan in loop.plans(goal_id)[:1]}

    cost, capacity = GoalType.COST_REDUCTION, GoalType.CAPACITY_PLANNING
    assert strategies("rule", Priority.CRITICAL, capacity) == {Strategy.IMMEDIATE}
    for number in range(3):
        assert strategies(f"g-{number}", Priority.MEDIUM, cost) == {Strategy.ADAPTIVE}
    told = insights(loop.bench.state().learning, LearningConfig(min_samples=3))
    assert told.best_strategies[cost] == Strategy.ADAPTIVE
    assert strategies("learned", Priority.CRITICAL, cost) == {Strategy.ADAPTIVE}
    assert strategies("other type", Priority.CRITICAL, capacity) == {Strategy.IMMEDIATE}


@pytest.mark.spec("S1-187")
def test_plans_of_two_and_four_seconds_take_three_on_average() -> None:
    # An action that is declared to change a metric would keep the other plan from running.
    loop = Loop(config_of(safety=FREE, actions={"scale_out": ActionSpec(unattended=True)}), silent)
    many(loop, 2)
    for i in range(2):
        loop.wait(2000)
        # An outcome counts as of the event time that its entity has reached.
        loop.ask(urgent(goal_id=f"later-{i}", target_metric=f"x{i}", actions=()))
        loop.settle(done(loop.asked[i]), loop.asked[i])
    told = insights(loop.bench.state().learning).plan_durations
    assert told.mean_ms == 3000.0
    counters = loop.bench.state().counters
    assert counters.execution_ms / counters.executions == 3000.0


@pytest.mark.spec("S1-188")
def test_the_change_of_the_target_metric_is_the_impact() -> None:
    loop = Loop()
    loop.measure(90.0)
    loop.ask(urgent())
    loop.measure(70.0, at=loop.now + 6 * MINUTE)
    impact = summary(loop.bench.entity(), loop.bench.config.safety).impact["cpu"]
    assert (impact.acts, impact.helped, impact.change) == (1, 1, -20.0)


@pytest.mark.spec("S1-191")
def test_a_goal_with_parts_is_as_far_as_they_are_on_average() -> None:
    loop = Loop()
    loop.ask(urgent(goal_id="whole", target_metric="m9", actions=("scale_out",), hold_ms=HOUR))
    for i, value in enumerate((50.0, 90.0)):
        part = urgent(
            goal_id=f"part-{i}", parent_id="whole", target_metric=f"m{i}", actions=(), hold_ms=HOUR
        )
        loop.ask(part)
        loop.measure(90.0, name=f"m{i}")
        loop.measure(value, name=f"m{i}", at=loop.now + MINUTE)
    assert loop.goal("part-0").progress == 1.0
    assert loop.goal("part-1").progress == 0.0
    assert loop.goal("whole").progress == 0.5
    assert loop.goal("whole").status.is_open


def test_a_goal_with_parts_is_not_planned_itself() -> None:
    loop = Loop(handler=silent)
    loop.ask(urgent(goal_id="whole", target_metric="m9", actions=(), hold_ms=HOUR))
    loop.ask(urgent(goal_id="part", parent_id="whole", target_metric="m0"))
    assert [plan.goal_id for plan in loop.plans()] == ["part"]


@pytest.mark.spec("S1-160")
def test_nothing_is_learned_when_learning_is_off() -> None:
    loop = Loop(config_of(learning=LearningConfig(enabled=False)))
    before = insights(loop.bench.state().learning, loop.bench.config.learning)
    loop.measure(90.0)
    loop.ask(urgent())
    loop.measure(70.0, at=loop.now + 6 * MINUTE)
    learning = loop.bench.state().learning
    assert len(loop.asked) >= 1
    assert (learning.actions, learning.effects, learning.arms) == ({}, {}, {})
    assert insights(learning, loop.bench.config.learning) == before
    assert not before.enabled


def test_the_summary_tells_budget_approvals_and_what_is_still_to_be_measured() -> None:
    loop = Loop()
    loop.measure(90.0)
    loop.ask(urgent())
    loop.command("mode.set", arguments={"mode": "approve"})
    loop.ask(urgent(goal_id="g-2", target_metric="queue"))
    told = summary(loop.bench.entity(), loop.bench.config.safety)
    first, second = loop.plans()
    assert (told.acts_used, told.acts_limit) == (1, 6)
    assert told.awaiting_approval == (second.plan_id,)
    assert told.unmeasured == (first.plan_id,)
    assert told.controls.mode is Mode.APPROVE
    assert told.counters.plans_done == 1


def test_a_user_may_ask_for_the_plan_at_once() -> None:
    loop = Loop(handler=lambda _: FAILURE)
    loop.measure(90.0)
    loop.ask(urgent())
    assert (len(loop.asked), loop.goal().status) == (1, GoalStatus.ACTIVE)
    loop.command("goal.execute", "g-1")
    assert len(loop.plans("g-1")) == 2
    again = loop.command("goal.execute", "g-1")
    unknown = loop.command("goal.execute", "g-0")
    reasons = [reason for seen in (again, unknown) for _, _, reason, _ in seen.rejections]
    assert reasons == ["plan_exists", "unknown_goal"]
