"""What is told of a plan while it is carried out and after."""

from __future__ import annotations

import pytest

from streams.core.execution.machine import begin, cancel
from streams.core.execution.report import ExecutionPhase, result, status
from streams.core.execution.steps import wake_at
from streams.core.planning.config import PlanningConfig
from streams.records import Action, Outcome, PlanPolicy, PlanStatus, Strategy
from tests.kits.core.execution import (
    DELAY,
    LEASE,
    NOW,
    asked,
    failed,
    fails,
    outcome,
    plan,
    run,
    step,
)

CONFIG = PlanningConfig(lease_ms=LEASE, action_delay_ms=DELAY)


@pytest.mark.spec("S1-115")
def test_success_needs_one_that_is_done_and_none_that_failed() -> None:
    assert not result(begin(plan(), NOW)).success
    assert result(run(plan(step("one")))[0]).success
    mixed = plan(step("one"), step("two"), policy=PlanPolicy.CONTINUE)
    assert not result(run(mixed, fails("two"))[0]).success
    assert not result(begin(plan(step("one")), NOW)).success


@pytest.mark.spec("S1-121")
def test_one_failure_is_one_lesson() -> None:
    ended, _ = run(plan(step("one"), step("two"), step("three")), fails("two"))
    told = result(ended)
    assert (told.plan_id, told.goal_id, told.success) == ("p-1", "g-1", False)
    assert (told.actions_completed, told.actions_failed) == (("one",), ("two",))
    assert told.lessons_learned == ("two failed: QuotaError: no quota",)
    assert told.execution_time_ms == 2 * 200 + DELAY
    assert told.impact_claimed == {}


def test_undo_is_told_apart_from_what_was_done() -> None:
    steps = (step("one", undo=True), step("two", undo=True), step("three"))
    told = result(run(plan(*steps), fails("three", "undo:one"))[0])
    assert told.actions_completed == ("one", "two")
    assert told.actions_undone == ("two",)
    assert told.lessons_learned == (
        "undo of one failed: QuotaError: no quota",
        "three failed: QuotaError: no quota",
    )


@pytest.mark.spec("S1-120")
def test_claims_of_two_actions_on_one_metric_are_both_kept_and_summed() -> None:
    outcomes: list[Outcome] = []

    def claims(action: Action) -> Outcome:
        claimed = {"cpu_usage": -5.0} if action.step else {"cpu_usage": -10.0, "cost": 2.0}
        outcomes.append(outcome(action, impact_claimed=claimed))
        return outcomes[-1]

    ended, (first, second) = run(plan(step("one"), step("two")), claims)
    others = [outcome(first, action_id=id_, impact_claimed={"x": 1.0}) for id_ in ("", "other")]
    told = result(ended, [*others, *outcomes])
    assert told.impact_claimed == {
        first.action_id: {"cpu_usage": -10.0, "cost": 2.0},
        second.action_id: {"cpu_usage": -5.0},
    }
    assert told.impact_total == {"cpu_usage": -15.0, "cost": 2.0}


@pytest.mark.spec("S1-122")
def test_status_of_each_phase() -> None:
    scheduled = plan(step("one"), strategy=Strategy.ADAPTIVE, scheduled_time=NOW + 5)
    assert status(None) is None
    found = status(scheduled)
    assert found is not None
    assert (found.status, found.scheduled_time) == (ExecutionPhase.SCHEDULED, NOW + 5)
    assert (found.strategy, found.success) == (Strategy.ADAPTIVE, None)
    found = status(begin(scheduled, NOW + 5))
    assert found is not None
    assert (found.status, found.execution_time_ms) == (ExecutionPhase.EXECUTING, None)
    for answer, success in ((outcome, True), (failed, False)):
        found = status(run(scheduled, answer)[0])
        assert found is not None
        assert (found.status, found.success) == (ExecutionPhase.COMPLETED, success)
        assert found.execution_time_ms == 200
    found = status(cancel(scheduled, NOW, "rejected by ann"))
    assert found is not None
    assert (found.success, found.execution_time_ms) == (False, 0)
    assert found.reason == "rejected by ann"


def test_when_something_is_due() -> None:
    scheduled = plan(step("one"), step("two"), scheduled_time=NOW + 5)
    assert wake_at(scheduled, CONFIG) == NOW + 5
    waiting = plan(status=PlanStatus.WAITING, expires_at=NOW + 9)
    assert wake_at(waiting, CONFIG) == NOW + 9
    assert wake_at(plan(dry_run=True), CONFIG) is None
    assert wake_at(plan(status=PlanStatus.WAITING), CONFIG) is None
    running = begin(scheduled, NOW + 7)
    assert wake_at(running, CONFIG) == NOW + 7
    running, _ = asked(running, NOW + 8)
    assert wake_at(running, CONFIG) == NOW + 8 + LEASE
    cancelled = cancel(running, NOW + 9, "ann")
    assert wake_at(cancelled, CONFIG) == NOW + 8 + LEASE
    assert wake_at(run(scheduled)[0], CONFIG) is None
