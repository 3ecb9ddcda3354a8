"""Nothing goes on that was to stop, and nobody is woken for nothing."""

from __future__ import annotations

import pytest

from streams.core.goals.state import Goals
from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import ActionSpec
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import GoalStatus, OutcomeStatus, Plan, PlanStatus, StepStatus
from tests.kits.core.loop import (
    HOUR,
    MINUTE,
    Loop,
    config_of,
    done,
    silent,
    urgent,
)

BOLD = SafetyConfig(mode=Mode.ACT, max_step_change=1.0)
RISING = [40 + 3 * i + 0.2 * (-1) ** i for i in range(20)]
FAILURE = HandlerResult(status=OutcomeStatus.FAILURE)


@pytest.mark.spec("S1-009")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mode.set", {"autonomous": "false"}),
        ("mode.set", {"mode": "observe"}),
        ("agent.stop", {}),
    ],
)
def test_a_plan_that_has_not_begun_when_the_engine_is_turned_off_never_does(
    name: str, arguments: dict[str, str]
) -> None:
    loop, values = Loop(), iter(RISING)
    while not loop.seen.records("plans"):
        loop.series([next(values)], HOUR)
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.SCHEDULED
    loop.everybody(name, **arguments)
    loop.wait(3 * HOUR)
    assert loop.asked == []
    assert not loop.decisions("act")


@pytest.mark.spec("S1-008")
@pytest.mark.parametrize("ends", [True, False])
def test_stopped_in_mid_plan_it_ends_or_is_recorded_cancelled_within_ten_seconds(
    ends: bool,
) -> None:
    loop = Loop(config_of(safety=BOLD), silent)
    loop.measure(90.0)
    loop.ask(urgent(actions=("scale_out", "scale_out")))
    loop.wait(MINUTE)
    (asked,) = loop.asked
    assert loop.plans()[0].status is PlanStatus.RUNNING
    stopped = loop.now
    loop.everybody("agent.stop")
    if ends:
        loop.settle(done(asked), asked)
    loop.wait(10_000)
    (plan,) = loop.plans()
    assert (plan.status, plan.reason) == (PlanStatus.CANCELLED, "the agent is stopped")
    assert plan.ended_at is not None
    assert stopped <= plan.ended_at <= plan.timestamp <= stopped + 10_000
    in_flight = StepStatus.DONE if ends else StepStatus.RUNNING
    assert [step.status for step in plan.actions] == [in_flight, StepStatus.SKIPPED]
    # What a handler says later is noted, and begins nothing, undoes nothing.
    if not ends:
        loop.settle(done(asked), asked)
    assert loop.plans()[0].actions[0].status is StepStatus.DONE
    loop.wait(2 * HOUR)
    assert loop.asked == [asked]


@pytest.mark.spec("S1-008")
def test_a_step_of_a_cancelled_plan_whose_handler_is_silent_ends_with_its_lease() -> None:
    """Regression: it stayed running for ever, and was looked at every minute."""
    loop = Loop(config_of(safety=BOLD), silent)
    loop.measure(90.0)
    loop.ask(urgent(actions=("scale_out", "scale_out")))
    loop.wait(MINUTE)
    (asked,) = loop.asked
    loop.everybody("agent.stop")
    loop.wait(loop.bench.config.planning.lease_ms)
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.CANCELLED
    assert [step.status for step in plan.actions] == [StepStatus.FAILED, StepStatus.SKIPPED]
    (told,) = loop.seen.records("outcomes")
    assert (told.action_id, told.error_type) == (asked.action_id, "LeaseExpired")
    loop.command("goal.cancel", "g-1")
    assert not loop.bench.partition.timers


@pytest.mark.spec("S1-009")
def test_turned_off_in_mid_plan_no_further_step_of_the_engines_own_plan_begins() -> None:
    actions = {
        "scale_out": ActionSpec(metrics=("cpu",), requires=("ready",), unattended=True),
        "prepare": ActionSpec(provides=("ready",), unattended=True),
    }
    loop, values = Loop(config_of(actions=actions, safety=BOLD), silent), iter(RISING)
    while not loop.asked:
        loop.series([next(values)], HOUR)
        loop.wait(5 * MINUTE)
    (first,) = loop.asked
    loop.everybody("mode.set", autonomous="false")
    loop.settle(done(first), first)
    loop.wait(HOUR)
    assert loop.asked == [first]


def test_a_goal_that_was_closed_leaves_nothing_to_wake_for() -> None:
    loop = Loop(config_of(actions={}))
    loop.ask(urgent(actions=(), target_metric="queue", deadline=loop.now + MINUTE))
    assert loop.bench.partition.timers
    loop.wait(2 * MINUTE)
    assert loop.goal().status is GoalStatus.FAILED
    assert not loop.bench.partition.timers
    assert loop.bench.state().wake_at is None


def test_nothing_is_kept_of_why_a_closed_goal_was_held() -> None:
    actions = {"scale_out": ActionSpec(metrics=("cpu",), unattended=True)}
    loop = Loop(config_of(actions=actions))
    loop.everybody("agent.stop")
    loop.everybody("agent.start")
    loop.ask(urgent(actions=(), target_metric="queue"))
    loop.bench.entity().edit(Goals).entries["g-1"].held = "a reason"
    assert loop.bench.state().held == {"g-1": "a reason"}
    loop.command("goal.cancel", "g-1")
    assert loop.bench.state().held == {}


def test_a_plan_that_needs_more_than_is_free_waits() -> None:
    needy = ActionSpec(metrics=("queue",), resources={"cpu": 30.0}, unattended=True)
    loop = Loop(config_of(actions={"copy": needy}))
    loop.measure(90.0)
    loop.ask(urgent(target_metric="queue", actions=("copy",)))
    (plan,) = loop.plans()
    assert (plan.status, loop.asked) == (PlanStatus.WAITING, [])
    assert "10 is free" in plan.reason
    loop.measure(20.0, at=loop.now + MINUTE)
    loop.measure(90.0, name="queue", at=loop.now + MINUTE)
    assert [action.action_type for action in loop.asked] == ["copy"]


def test_a_plan_that_goes_on_waiting_is_not_published_again() -> None:
    needy = ActionSpec(metrics=("queue",), resources={"cpu": 30.0}, unattended=True)
    loop = Loop(config_of(actions={"copy": needy}))
    loop.measure(90.0)
    loop.ask(urgent(target_metric="queue", actions=("copy",)))
    told: list[Plan] = loop.seen.records("plans")
    before = len(told)
    for i in range(10):
        loop.measure(90.0 + i, name="queue", at=loop.now + MINUTE)
    assert len(loop.seen.records("plans")) == before


def test_why_the_mode_is_lower_than_what_was_set_is_told() -> None:
    loop = Loop(config_of(safety=SafetyConfig(mode=Mode.ACT, max_model_age_ms=0)))
    loop.measure(90.0)
    loop.series([90.0] * 15, MINUTE)
    loop.ask(urgent())
    loop.now += 1
    loop.ask(urgent(goal_id="g-2", target_metric="cpu", group_id="other"))
    (told,) = (each for each in loop.decisions("plan") if each.mode == "recommend")
    assert "safety.max_model_age_ms" in told.reason
