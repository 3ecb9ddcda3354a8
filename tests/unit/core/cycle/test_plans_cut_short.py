"""Plans that are ended before their last step: by a person, by their goal, by silence."""

from __future__ import annotations

import pytest

from streams.core.execution.requests import KILL_SWITCH, LEASE_EXPIRED
from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import ActionSpec
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import Action, OutcomeStatus, PlanStatus, StepStatus
from tests.kits.core.loop import (
    HOUR,
    MINUTE,
    SCALE_OUT,
    Loop,
    config_of,
    done,
    silent,
    urgent,
)

BOLD = SafetyConfig(mode=Mode.ACT, max_step_change=1.0)


def running(*actions: str, **fields: object) -> Loop:
    """A plan whose first step has no outcome yet."""
    loop = Loop(config_of(safety=BOLD, **fields), silent)
    loop.measure(90.0)
    loop.ask(urgent(actions=actions or ("scale_out", "scale_out")))
    assert loop.plans()[0].status is PlanStatus.RUNNING
    return loop


@pytest.mark.spec("S1-182")
def test_no_step_begins_after_a_person_has_cancelled_the_plan() -> None:
    loop = running()
    (plan,) = loop.plans()
    loop.command("plan.cancel", plan.plan_id, by="ann", arguments={"reason": "maintenance"})
    (after,) = loop.plans()
    assert (after.status, after.reason) == (PlanStatus.CANCELLED, "maintenance")
    assert after.actions[1].status is StepStatus.SKIPPED
    loop.settle(done(loop.asked[0]), loop.asked[0])
    loop.wait(9 * MINUTE)
    assert len(loop.asked) == 1
    assert loop.plans()[0].actions[0].status is StepStatus.DONE
    assert loop.goal().attempts == 1


def test_a_plan_that_has_ended_cannot_be_cancelled() -> None:
    loop = running()
    (plan,) = loop.plans()
    loop.command("plan.cancel", plan.plan_id)
    again = loop.command("plan.cancel", plan.plan_id)
    unknown = loop.command("plan.cancel", "p-0")
    reasons = [reason for seen in (again, unknown) for _, _, reason, _ in seen.rejections]
    assert reasons == ["plan_ended", "unknown_plan"]


def test_a_goal_that_is_cancelled_takes_its_plan_along() -> None:
    loop = running()
    loop.command("goal.cancel", "g-1")
    (plan,) = loop.plans()
    assert (plan.status, plan.reason) == (PlanStatus.CANCELLED, "its goal is cancelled")
    loop.settle(done(loop.asked[0]), loop.asked[0])
    loop.wait(HOUR)
    assert len(loop.asked) == 1
    assert [told.chosen for told in loop.decisions("result")] == ["cancelled"]


def test_a_goal_whose_deadline_passes_takes_its_plan_along() -> None:
    loop = Loop(config_of(safety=BOLD), silent)
    loop.measure(90.0)
    loop.ask(urgent(actions=("scale_out", "scale_out"), deadline=loop.now + MINUTE))
    loop.wait(2 * MINUTE)
    (plan,) = loop.plans()
    assert (plan.status, plan.reason) == (PlanStatus.CANCELLED, "its goal is failed")
    assert len(loop.asked) == 1


def test_a_goal_that_is_met_while_its_plan_runs_needs_no_further_step() -> None:
    loop = running()
    loop.measure(50.0, at=loop.now + MINUTE)
    (plan,) = loop.plans()
    assert (plan.status, plan.reason) == (PlanStatus.CANCELLED, "its goal is achieved")


def test_an_action_without_an_outcome_gets_one_when_its_lease_is_over() -> None:
    loop = running()
    (action,) = loop.asked
    lease = loop.bench.config.planning.lease_ms
    loop.wait(lease - 1)
    assert loop.seen.records("outcomes") == []
    loop.wait(1)
    (outcome,) = loop.seen.records("outcomes")
    assert (outcome.action_id, outcome.status) == (action.action_id, OutcomeStatus.TIMEOUT)
    assert outcome.error_type == LEASE_EXPIRED
    (plan,) = loop.plans()
    assert (plan.status, plan.actions[0].status) == (PlanStatus.FAILED, StepStatus.FAILED)
    assert plan.actions[1].status is StepStatus.SKIPPED
    # It comes back by the topic, once, and settles the action.
    assert action.action_id in loop.bench.state().pending
    loop.send("outcomes", outcome)
    assert loop.bench.state().pending == {}
    loop.wait(4 * MINUTE)
    told = [each.action_id for each in loop.seen.records("outcomes")]
    assert told.count(action.action_id) == 1


def test_an_outcome_that_comes_after_the_lease_is_noted_and_changes_nothing() -> None:
    loop = running()
    (action,) = loop.asked
    loop.wait(loop.bench.config.planning.lease_ms)
    attempts = loop.goal().attempts
    loop.settle(done(action), action)
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.FAILED
    assert plan.actions[0].error == "lease expired; outcome came late: success"
    assert loop.goal().attempts == attempts == 1
    assert loop.bench.state().expectations == {}


def test_what_was_done_is_undone_when_a_later_step_fails() -> None:
    def handle(action: Action) -> HandlerResult:
        if action.action_type == "break":
            return HandlerResult(status=OutcomeStatus.FAILURE, error_type="Boom")
        return done(action)

    grow = ActionSpec(metrics=("cpu",), effect={"cpu": -20.0}, unattended=True, undo="shrink")
    actions = {"grow": grow, "break": SCALE_OUT}
    loop = Loop(config_of(safety=BOLD, actions=actions), handle)
    loop.measure(90.0)
    loop.ask(urgent(actions=("grow", "grow", "break")))
    loop.wait(MINUTE)
    assert [action.action_type for action in loop.asked] == [
        "grow", "grow", "break", "shrink", "shrink",
    ]  # fmt: skip
    grown = [action.action_id for action in loop.asked[:2]]
    assert [action.parent_action_id for action in loop.asked[3:]] == grown[::-1]
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.FAILED
    assert [step.status for step in plan.actions[:2]] == [StepStatus.UNDONE] * 2


def test_the_kill_switch_of_a_worker_cancels_the_plan_and_undoes_nothing() -> None:
    grow = ActionSpec(metrics=("cpu",), effect={"cpu": -20.0}, unattended=True, undo="shrink")
    loop = running("grow", "grow", actions={"grow": grow})
    halted = HandlerResult(
        status=OutcomeStatus.CANCELLED, error_type=KILL_SWITCH, error_message="file is there"
    )
    loop.settle(done(loop.asked[0]), loop.asked[0])
    loop.wait(2000)
    loop.settle(halted, loop.asked[1])
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.CANCELLED
    loop.wait(9 * MINUTE)
    assert len(loop.asked) == 2
