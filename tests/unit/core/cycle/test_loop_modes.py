"""How far the engine goes by itself, as operators and settings say it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import ActionSpec
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import (
    GoalStatus,
    GoalType,
    OutcomeStatus,
    PlanStatus,
    PredictionKind,
    Priority,
)
from tests.kits.core.loop import (
    HOUR,
    MINUTE,
    SCALE_OUT,
    Loop,
    config_of,
    urgent,
)

RISING = [40 + 3 * i + 0.2 * (-1) ** i for i in range(20)]
"""Hourly; a breach of 95 is foreseen before the last one."""


DONE = HandlerResult(status=OutcomeStatus.SUCCESS)


def kinds(loop: Loop) -> set[str]:
    """What came out of the loop."""
    return {emission.topic for emission in loop.seen.emissions}


def breaches(loop: Loop) -> int:
    known = loop.seen.records("predictions")
    return sum(p.kind is PredictionKind.BREACH for p in known)


# -- on and off -----------------------------------------------------------------------------------


@pytest.mark.spec("S1-009")
def test_manual_mode_keeps_predicting_and_does_nothing_else() -> None:
    loop = Loop()
    loop.everybody("mode.set", autonomous="false")
    loop.series(RISING, HOUR)
    assert breaches(loop)
    assert not kinds(loop) & {"goals", "plans", "actions"}
    assert loop.bench.state().goals == {}


@pytest.mark.spec("S1-161")
def test_manual_by_settings_sets_no_goal() -> None:
    loop = Loop(config_of(safety=SafetyConfig(mode=Mode.ACT, autonomous=False)))
    loop.series(RISING, HOUR)
    assert breaches(loop)
    assert not kinds(loop) & {"goals", "plans", "actions"}


def test_a_goal_of_a_user_waits_for_approval_in_manual_mode() -> None:
    loop = Loop(config_of(safety=SafetyConfig(mode=Mode.ACT, autonomous=False)))
    loop.measure(90.0)
    loop.ask(urgent())
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.WAITING
    loop.command("plan.approve", plan.plan_id)
    assert [action.goal_id for action in loop.asked] == ["g-1"]


@pytest.mark.spec("S1-007")
def test_starting_again_changes_nothing() -> None:
    loop = Loop()
    loop.everybody("agent.start")
    before = loop.bench.state("*").controls
    seen = loop.everybody("agent.start")
    assert loop.bench.state("*").controls == before
    assert before.running
    assert (seen.emissions, seen.rejections) == ([], [])
    loop.measure(90.0)
    loop.ask(urgent())
    assert len(loop.asked) == 1


# -- the ladder -----------------------------------------------------------------------------------


@pytest.mark.spec("S1-173")
def test_in_recommend_mode_plans_are_shown_and_nothing_is_asked_for() -> None:
    loop = Loop(config_of(safety=SafetyConfig()))
    loop.series(RISING, HOUR)
    loop.wait(HOUR)
    assert loop.plans()
    assert loop.decisions("plan")
    for plan in loop.plans():
        assert plan.started_at is None
        assert plan.expected_effect == -20.0
    assert loop.asked == []
    assert not kinds(loop) & {"actions"}


def test_in_observe_mode_goals_are_set_and_nothing_is_planned() -> None:
    loop = Loop(config_of(safety=SafetyConfig(mode=Mode.OBSERVE)))
    loop.series(RISING, HOUR)
    assert "goals" in kinds(loop)
    assert not kinds(loop) & {"plans", "actions"}


@pytest.mark.spec("S1-178")
def test_what_is_not_on_the_allow_list_needs_approval() -> None:
    risky = ActionSpec(metrics=("cpu",), effect={"cpu": -20.0})
    loop = Loop(config_of(actions={"restart": risky}))
    loop.measure(90.0)
    loop.ask(urgent(actions=("restart",)))
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.WAITING
    assert "not on the allow list" in plan.reason
    loop.wait(MINUTE)
    assert loop.asked == []
    loop.command("plan.approve", plan.plan_id, by="bob")
    assert [action.action_type for action in loop.asked] == ["restart"]
    (told,) = loop.decisions("act")
    assert told.actor == "bob"


@pytest.mark.spec("S1-183")
@pytest.mark.parametrize("by_command", [False, True])
def test_only_the_goal_type_that_was_enabled_acts(by_command: bool) -> None:
    types: Mapping[str, Mode] = {"*": Mode.RECOMMEND, "cost_reduction": Mode.ACT}
    safety = SafetyConfig(mode=Mode.ACT, goal_types={} if by_command else types)
    loop = Loop(config_of(safety=safety))
    if by_command:
        for name, mode in types.items():
            loop.everybody("mode.set", goal_type=name, mode=mode.value)
    loop.measure(90.0)
    loop.ask(urgent())
    loop.ask(urgent(goal_id="g-2", target_metric="queue", goal_type=GoalType.COST_REDUCTION))
    loop.wait(HOUR)
    assert {action.goal_id for action in loop.asked} == {"g-2"}
    assert loop.plans("g-1")[0].started_at is None


def test_a_mode_that_is_lowered_holds_plans_that_have_not_begun() -> None:
    loop = Loop()
    loop.measure(90.0)
    loop.ask(urgent(priority=Priority.HIGH))
    loop.everybody("mode.set", mode="recommend")
    loop.wait(HOUR)
    (plan,) = loop.plans()
    assert (plan.status, loop.asked) == (PlanStatus.WAITING, [])
    loop.everybody("mode.set", mode="default")
    loop.measure(90.0)
    assert len(loop.asked) == 1


def test_a_mode_for_one_entity_leaves_the_others_alone() -> None:
    loop = Loop()
    loop.command("mode.set", arguments={"mode": "recommend"})
    for entity in ("svc", "other"):
        loop.measure(90.0, entity_id=entity)
        loop.ask(urgent(entity_id=entity, goal_id=f"g-{entity}"))
    assert [action.entity_id for action in loop.asked] == ["other"]


def test_a_mode_that_makes_no_sense_is_rejected_and_changes_nothing() -> None:
    loop = Loop()
    seen = loop.everybody("mode.set", mode="fast")
    ((_, _, reason, text),) = seen.rejections
    assert reason == "invalid_mode"
    assert "'fast'" in text
    assert loop.bench.state("*").controls.mode is None


# -- approval -------------------------------------------------------------------------------------


APPROVE = SafetyConfig(mode=Mode.APPROVE)


def waiting(**fields: object) -> Loop:
    """A plan that waits for an answer."""
    loop = Loop(config_of(safety=APPROVE, **fields))
    loop.measure(90.0)
    loop.ask(urgent())
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.WAITING
    assert plan.expires_at == loop.now + APPROVE.approval_expiry_ms
    return loop


def test_an_approved_plan_runs_and_says_who_approved_it() -> None:
    loop = waiting()
    (plan,) = loop.plans()
    loop.command("plan.approve", plan.plan_id, by="ann", arguments={"reason": "looks right"})
    assert len(loop.asked) == 1
    (told,) = loop.decisions("approval")
    assert (told.actor, told.reason, told.subject_id) == ("ann", "looks right", plan.plan_id)
    assert loop.plans()[0].approved_by == "ann"


def test_a_rejected_plan_ends_and_the_next_one_waits_for_its_cooldown() -> None:
    loop = waiting()
    (plan,) = loop.plans()
    loop.command("plan.reject", plan.plan_id, by="ann", arguments={"reason": "not now"})
    (told,) = loop.decisions("rejection")
    assert (told.actor, told.reason) == ("ann", "not now")
    (ended,) = loop.plans()
    assert ended.status is PlanStatus.CANCELLED
    assert ended.reason == "rejected by ann: not now"
    loop.wait(9 * MINUTE)
    assert len(loop.plans()) == 1
    loop.wait(MINUTE)
    assert len(loop.plans()) == 2
    assert loop.asked == []
    assert loop.goal().attempts == 0  # none of them ran


def test_nobody_answers_in_time() -> None:
    loop = waiting()
    loop.wait(HOUR - 1)
    assert loop.plans()[0].status is PlanStatus.WAITING
    loop.wait(1)
    (plan,) = loop.plans()
    assert (plan.status, plan.reason) == (PlanStatus.CANCELLED, "nobody approved it in time")
    assert [each.rule for each in loop.seen.records("alerts")] == [
        "approval_waiting", "approval_expiring", "approval_expired",
    ]  # fmt: skip
    seen = loop.command("plan.approve", plan.plan_id)
    assert [reason for _, _, reason, _ in seen.rejections] == ["not_waiting"]
    assert loop.asked == []


def test_an_answer_that_does_not_come_is_no_attempt() -> None:
    loop = waiting()
    loop.wait(6 * HOUR)

    plans = loop.plans()
    assert len(plans) > loop.bench.config.planning.max_attempts
    assert {plan.status for plan in plans[:-1]} == {PlanStatus.CANCELLED}
    assert plans[-1].status is PlanStatus.WAITING
    assert (loop.goal().status, loop.goal().attempts) == (GoalStatus.ACTIVE, 0)
    told = [each for each in loop.decisions("refusal") if each.chosen == "no_plan"]
    assert {each.reason for each in told} == {
        "nobody approved it in time; a person is asked again after 10 min"
    }
    rules = [each.rule for each in loop.seen.records("alerts")]
    assert rules.count("approval_waiting") == len(plans)
    assert rules.count("approval_expired") == rules.count("approval_expiring") == len(plans) - 1


def test_an_answer_needs_a_name_and_a_plan_that_is_there() -> None:
    loop = waiting()
    (plan,) = loop.plans()
    unnamed = loop.command("plan.approve", plan.plan_id, by="")
    unknown = loop.command("plan.approve", "p-0")
    assert [reason for _, _, reason, _ in unnamed.rejections] == ["approver_missing"]
    assert [reason for _, _, reason, _ in unknown.rejections] == ["unknown_plan"]
    assert loop.asked == []


def test_what_cannot_be_undone_takes_a_second_person() -> None:
    loop = Loop(
        config_of(
            actions={"drop": ActionSpec(metrics=("cpu",), reversible=False, unattended=True)},
        )
    )
    loop.measure(90.0)
    arguments = {
        "target_metric": "cpu",
        "target_value": "60",
        "direction": "at_most",
        "priority": "critical",
        "actions": '["drop"]',
    }
    loop.command("goal.create", "g-1", by="ann", arguments=arguments)
    (plan,) = loop.plans()
    assert "cannot be undone" in plan.reason
    same = loop.command("plan.approve", plan.plan_id, by=" ANN ")
    assert [reason for _, _, reason, _ in same.rejections] == ["same_person"]
    assert loop.asked == []
    loop.command("plan.approve", plan.plan_id, by="bob")
    assert [action.action_type for action in loop.asked] == ["drop"]


def test_a_plan_is_not_asked_about_again_while_it_waits() -> None:
    loop = waiting()
    before = len(loop.seen.records("plans"))
    for i in range(20):
        loop.measure(90.0 + i % 2, at=loop.now + MINUTE)
    assert len(loop.seen.records("plans")) == before


def test_a_critical_goal_of_the_engine_is_no_excuse() -> None:
    loop = Loop(config_of(safety=APPROVE, actions={"scale_out": SCALE_OUT}))
    loop.series(RISING, HOUR)
    assert {plan.status for plan in loop.plans()} <= {PlanStatus.WAITING, PlanStatus.CANCELLED}
    assert any(goal.status is GoalStatus.ACTIVE for goal in loop.seen.records("goals"))
    assert loop.asked == []
