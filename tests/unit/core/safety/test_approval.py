from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.safety.approval import (
    ApprovalProblem,
    ApprovalRefusal,
    approve,
    ask,
    awaits_approval,
    expire,
    reject,
)
from streams.records import Plan, PlanStatus, StepStatus
from tests.kits.core.safety import CONFIG, HOUR, MINUTE, NOW, plan


def waiting(**fields: object) -> Plan:
    return ask(plan(**fields), NOW, "mode is approve", CONFIG)


def problem(result: Plan | ApprovalRefusal) -> ApprovalProblem:
    assert isinstance(result, ApprovalRefusal)
    assert result.text
    return result.reason


def test_a_plan_that_waits_says_why_and_until_when() -> None:
    asked = waiting()
    assert (asked.status, asked.reason) == (PlanStatus.WAITING, "mode is approve")
    assert (asked.expires_at, asked.revision) == (NOW + HOUR, 2)
    assert awaits_approval(asked)


def test_being_asked_again_does_not_extend_the_wait() -> None:
    asked = waiting()
    assert ask(asked, NOW + MINUTE, "again", CONFIG) is asked


@pytest.mark.parametrize("status", [PlanStatus.RUNNING, PlanStatus.DONE, PlanStatus.CANCELLED])
def test_a_plan_that_has_begun_or_ended_does_not_wait_again(status: PlanStatus) -> None:
    given_plan = plan(status=status)
    assert ask(given_plan, NOW, "", CONFIG) is given_plan


def test_a_plan_that_waits_for_something_else_has_no_answer() -> None:
    assert problem(approve(plan(status=PlanStatus.WAITING), "ann", NOW)) is (
        ApprovalProblem.NOT_WAITING
    )


def test_an_approved_plan_is_scheduled_again() -> None:
    done = approve(waiting(), " ann ", NOW + MINUTE)
    assert isinstance(done, Plan)
    assert (done.status, done.approved_by) == (PlanStatus.SCHEDULED, "ann")
    assert (done.expires_at, done.reason, done.revision) == (None, "", 3)
    assert done.timestamp == NOW + MINUTE


def test_a_plan_is_answered_once() -> None:
    done = approve(waiting(), "ann", NOW)
    assert isinstance(done, Plan)
    assert problem(approve(done, "bob", NOW)) is ApprovalProblem.NOT_WAITING
    assert problem(reject(done, "bob", NOW)) is ApprovalProblem.NOT_WAITING


def test_what_cannot_be_undone_is_approved_by_another_person() -> None:
    asked = waiting(reversible=False)
    assert problem(approve(asked, "ANN ", NOW, requester="ann")) is ApprovalProblem.SAME_PERSON
    assert isinstance(approve(asked, "bob", NOW, requester="ann"), Plan)
    assert isinstance(approve(asked, "ann", NOW), Plan)
    assert isinstance(approve(waiting(), "ann", NOW, requester="ann"), Plan)


def test_nobody_cannot_answer() -> None:
    assert problem(approve(waiting(), " ", NOW)) is ApprovalProblem.NOBODY
    assert problem(reject(waiting(), "", NOW)) is ApprovalProblem.NOBODY


def test_a_rejected_plan_says_who_and_why_and_starts_no_step() -> None:
    done = reject(waiting(), "ann", NOW + MINUTE, "not today")
    assert isinstance(done, Plan)
    assert (done.status, done.ended_at) == (PlanStatus.CANCELLED, NOW + MINUTE)
    assert done.reason == "rejected by ann: not today"
    assert {step.status for step in done.actions} == {StepStatus.SKIPPED}


def test_a_plan_is_given_up_when_nobody_answers() -> None:
    asked = waiting()
    assert expire(asked, NOW + HOUR - 1) is asked
    over = expire(asked, NOW + HOUR)
    assert (over.status, over.reason) == (PlanStatus.CANCELLED, "nobody approved it in time")
    assert expire(over, NOW + 2 * HOUR) is over


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    assert problem(approve(waiting(), "ann", NOW + HOUR)) is ApprovalProblem.EXPIRED


def test_an_approved_plan_does_not_expire() -> None:
    done = approve(waiting(), "ann", NOW)
    assert isinstance(done, Plan)
    assert expire(done, NOW + 9 * HOUR) is done


moves = st.sampled_from(["ask", "approve", "reject", "expire"])


@given(st.lists(st.tuples(moves, st.integers(0, HOUR)), max_size=12), st.booleans())
def test_any_order_of_answers_keeps_the_plan_whole(
    taken: list[tuple[str, int]], reversible: bool
) -> None:
    current, now, given_up = plan(reversible=reversible), NOW, False
    for move, rest in taken:
        now += rest
        before = current
        result: Plan | ApprovalRefusal
        if move == "ask":
            result = ask(current, now, "asked", CONFIG)
        elif move == "approve":
            result = approve(current, "ann", now, requester="ann")
        elif move == "reject":
            result = reject(current, "bob", now)
        else:
            result = expire(current, now)
        current = result if isinstance(result, Plan) else before
        assert current is before or current.revision == before.revision + 1
        assert not given_up or current is before
        given_up = current.status is PlanStatus.CANCELLED
        assert awaits_approval(current) == (current.status is PlanStatus.WAITING)
        assert reversible or not current.approved_by
