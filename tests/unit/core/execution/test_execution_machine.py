"""A plan goes from step to step, and back where it fails."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.execution.machine import (
    LEASE_OVER,
    begin,
    cancel,
    is_settled,
    on_outcome,
    overdue,
    reap,
)
from streams.core.execution.requests import (
    KILL_SWITCH,
    action_id,
    halted,
    lease_over,
    undo_action_id,
)
from streams.records import OutcomeStatus, Plan, PlanPolicy, PlanStatus, Severity
from tests.kits.core.execution import (
    DELAY,
    GOAL,
    LEASE,
    NOW,
    ask,
    asked,
    failed,
    fails,
    outcome,
    plan,
    run,
    statuses,
    step,
)


def started(*names: str, **fields: object) -> Plan:
    return begin(plan(*(step(name, undo=True) for name in names), **fields), NOW)


def test_scheduled_plan_begins() -> None:
    running = begin(plan(step("scale"), expires_at=NOW + 5, reason="no slot"), NOW + 3)
    assert (running.status, running.started_at) == (PlanStatus.RUNNING, NOW + 3)
    assert (running.revision, running.timestamp) == (2, NOW + 3)
    assert (running.reason, running.expires_at) == ("", None)


@pytest.mark.parametrize(
    "fields",
    [{"status": status} for status in PlanStatus if status is not PlanStatus.SCHEDULED]
    + [{"dry_run": True}],
)
def test_other_plans_do_not_begin(fields: dict[str, object]) -> None:
    before = plan(step("scale"), **fields)
    assert begin(before, NOW) is before


def test_a_dry_run_is_never_asked_for() -> None:
    before = plan(step("scale"), status=PlanStatus.RUNNING, dry_run=True)
    assert ask(before, NOW) == (before, None)


def test_action_record_of_a_step() -> None:
    first = step("prepare")
    second = step("scale", params={"instances": "2"}, agent="edge-7")
    done, actions = run(plan(first, second))
    assert done.status is PlanStatus.DONE
    action = actions[1]
    assert action.action_id == action_id("p-1", 1) == done.actions[1].action_id
    assert action.action_type == "scale"
    assert (action.entity_id, action.entity_type) == ("checkout", "service")
    assert (action.goal_id, action.plan_id, action.step) == ("g-1", "p-1", 1)
    assert (action.correlation_id, action.requested_by) == ("chain", "goalstream")
    assert action.requested_at == action.timestamp == done.actions[1].started_at
    assert action.deadline == action.timestamp + LEASE
    assert action.params == {"instances": "2", "agent": "edge-7"}
    assert actions[0].params == {}


def test_action_must_start_before_its_goal_is_due() -> None:
    running = started("one")
    for deadline, expected in ((None, LEASE), (9_000, 9_000), (LEASE + 1, LEASE), (-1, LEASE)):
        due = None if deadline is None else NOW + deadline
        goal = msgspec.structs.replace(GOAL, deadline=due)
        _, action = ask(running, NOW, goal)
        assert action is not None
        assert action.deadline == NOW + expected
    current, first = asked(started("one", "two"), NOW)
    current = on_outcome(current, outcome(first), NOW)
    current, second = asked(current, NOW + DELAY)
    current = on_outcome(current, failed(second), NOW + DELAY)
    now = NOW + 2 * DELAY
    _, undo = ask(current, now, msgspec.structs.replace(GOAL, deadline=now + 1))
    assert undo is not None
    assert undo.deadline == now + LEASE


@pytest.mark.spec("S1-113")
def test_steps_run_in_order_with_a_pause() -> None:
    current = started("one", "two", "three")
    now = NOW
    starts: list[int] = []
    for name in ("one", "two", "three"):
        current, action = asked(current, now)
        assert action.action_type == name
        assert ask(current, now + 10 * DELAY) == (current, None)  # one thing at a time
        starts.append(now)
        current = on_outcome(current, outcome(action), now + 5)
        assert ask(current, now + 5 + DELAY - 1)[1] is None
        now += 5 + DELAY
    assert [each.started_at for each in current.actions] == starts == sorted(set(starts))
    assert [each.ended_at for each in current.actions] == [start + 5 for start in starts]
    assert (current.status, current.ended_at) == (PlanStatus.DONE, starts[-1] + 5)


@pytest.mark.spec("S1-114")
def test_policy_stop_skips_what_comes_after_a_failure() -> None:
    ended, actions = run(plan(step("one"), step("two")), fails("one"))
    assert statuses(ended) == ["failed", "skipped"]
    assert [action.action_type for action in actions] == ["one"]
    assert ended.status is PlanStatus.FAILED
    assert ended.reason == "step 0 one: QuotaError: no quota"


@pytest.mark.spec("S1-114", "S1-119")
def test_policy_continue_goes_on_after_a_failure() -> None:
    steps = (step("one"), step("two"), step("three"))
    ended, _ = run(plan(*steps, policy=PlanPolicy.CONTINUE), fails("two"))
    assert statuses(ended) == ["done", "failed", "done"]
    assert ended.status is PlanStatus.FAILED


@pytest.mark.parametrize(
    ("status", "step_status"),
    [
        (OutcomeStatus.SUCCESS, "done"),
        (OutcomeStatus.PARTIAL, "done"),
        (OutcomeStatus.FAILURE, "failed"),
        (OutcomeStatus.TIMEOUT, "failed"),
        (OutcomeStatus.CANCELLED, "failed"),
    ],
)
def test_what_an_outcome_makes_of_a_step(status: OutcomeStatus, step_status: str) -> None:
    ended, _ = run(plan(step("scale")), lambda action: outcome(action, status))
    assert statuses(ended) == [step_status]
    assert ended.actions[0].error == ("" if status is OutcomeStatus.SUCCESS else status.value)
    good = step_status == "done"
    assert ended.status is (PlanStatus.DONE if good else PlanStatus.FAILED)


def test_long_errors_are_cut() -> None:
    ended, _ = run(plan(step("scale")), lambda action: failed(action, "x" * 9_000))
    assert len(ended.actions[0].error) == 500
    assert len(ended.reason) < 1_000


def test_outcomes_that_do_not_matter_change_nothing() -> None:
    current, action = asked(started("one", "two"), NOW)
    stranger = outcome(action, action_id="other")
    nameless = outcome(action, action_id="")
    pending = outcome(action, OutcomeStatus.PENDING)
    for each in (stranger, nameless, pending):
        assert on_outcome(current, each, NOW) is current
    after = on_outcome(current, outcome(action), NOW)
    assert on_outcome(after, failed(action), NOW + 1) is after


def test_lease_over_is_a_failure_and_a_late_outcome_a_note() -> None:
    current, action = asked(started("one", "two"), NOW)
    assert overdue(current, NOW + LEASE - 1, LEASE) == ""
    assert reap(current, NOW + LEASE - 1, LEASE) is current
    assert overdue(current, NOW + LEASE, LEASE) == action.action_id
    ended = reap(current, NOW + LEASE, LEASE)
    assert (statuses(ended), ended.actions[0].error) == (["failed", "skipped"], LEASE_OVER)
    assert (ended.status, ended.ended_at) == (PlanStatus.FAILED, NOW + LEASE)
    late = on_outcome(ended, outcome(action), NOW + LEASE + 9)
    assert (statuses(late), late.status, late.ended_at) == (
        statuses(ended),
        PlanStatus.FAILED,
        ended.ended_at,
    )
    assert late.actions[0].error == "lease expired; outcome came late: success"
    assert late.revision == ended.revision + 1
    assert on_outcome(late, outcome(action), NOW + LEASE + 10) is late


def test_done_steps_of_a_failed_plan_are_undone_backwards() -> None:
    steps = (step("one", undo=True), step("two", undo=True), step("three"), step("four"))
    ended, actions = run(plan(*steps), fails("four"))
    assert [action.action_type for action in actions] == [
        *("one", "two", "three", "four"),
        *("undo:two", "undo:one"),
    ]
    assert statuses(ended) == ["undone", "undone", "done", "failed"]
    assert (ended.status, ended.reason) == (
        PlanStatus.FAILED,
        "step 3 four: QuotaError: no quota",
    )
    undo = actions[-1]
    assert undo.action_id == undo_action_id("p-1", 0) == ended.actions[0].undo_action_id
    assert (undo.parent_action_id, undo.step) == (actions[0].action_id, 0)
    assert undo.params == actions[0].params
    assert undo.deadline == undo.timestamp + LEASE


def test_undo_that_fails_leaves_its_step_stuck_and_the_others_are_undone() -> None:
    steps = (step("one", undo=True), step("two", undo=True), step("three"))
    ended, _ = run(plan(*steps), fails("three", "undo:two"))
    assert statuses(ended) == ["undone", "stuck", "failed"]
    assert ended.reason == (
        "step 2 three: QuotaError: no quota; step 1 two: QuotaError: no quota (undo)"
    )


def test_undo_has_a_lease_of_its_own() -> None:
    current = started("one", "two")
    current, first = asked(current, NOW)
    current = on_outcome(current, outcome(first), NOW)
    current, second = asked(current, NOW + DELAY)
    current = on_outcome(current, failed(second), NOW + LEASE)
    begun = NOW + LEASE + DELAY
    current, undo = asked(current, begun)
    assert (current.status, statuses(current)) == (PlanStatus.RUNNING, ["undoing", "failed"])
    assert reap(current, begun + LEASE - 1, LEASE) is current
    ended = reap(current, begun + LEASE, LEASE)
    assert (ended.status, statuses(ended)) == (PlanStatus.FAILED, ["stuck", "failed"])
    late = on_outcome(ended, outcome(undo), begun + LEASE + 1)
    assert late.actions[0].error == "lease expired; outcome came late: success"
    assert on_outcome(late, outcome(first), begun + LEASE + 2) is late


@pytest.mark.spec("S1-182")
def test_cancelled_plan_starts_no_further_step() -> None:
    current, action = asked(started("one", "two"), NOW)
    cancelled = cancel(current, NOW + 7, "ann took over")
    assert (cancelled.status, cancelled.reason) == (PlanStatus.CANCELLED, "ann took over")
    assert (cancelled.ended_at, statuses(cancelled)) == (NOW + 7, ["running", "skipped"])
    assert not is_settled(cancelled)
    assert ask(cancelled, NOW + LEASE) == (cancelled, None)
    after = on_outcome(cancelled, outcome(action), NOW + 9)
    assert (after.status, statuses(after)) == (PlanStatus.CANCELLED, ["done", "skipped"])
    assert is_settled(after)
    assert ask(after, NOW + LEASE) == (after, None)
    assert cancel(after, NOW + 10, "again") is after
    assert statuses(reap(cancelled, NOW + LEASE, LEASE)) == ["failed", "skipped"]


def test_plan_that_has_not_begun_can_be_cancelled() -> None:
    cancelled = cancel(plan(step("one"), status=PlanStatus.WAITING), NOW, "rejected by ann")
    assert (cancelled.status, statuses(cancelled)) == (PlanStatus.CANCELLED, ["skipped"])
    assert is_settled(cancelled)


def test_cancelled_during_its_undo_no_further_undo_starts() -> None:
    current = started("one", "two", "three")
    for answer in (outcome, outcome, failed):
        current, action = asked(current, current.timestamp + DELAY)
        current = on_outcome(current, answer(action), action.timestamp)
    current, undo = asked(current, current.timestamp + DELAY)
    current = cancel(current, current.timestamp, "ann took over")
    current = on_outcome(current, outcome(undo), current.timestamp + 1)
    assert statuses(current) == ["done", "undone", "failed"]
    assert ask(current, current.timestamp + LEASE)[1] is None


def test_kill_switch_cancels_the_plan_and_undoes_nothing() -> None:
    current = started("one", "two", "three")
    current, first = asked(current, NOW)
    current = on_outcome(current, outcome(first), NOW)
    current, second = asked(current, NOW + DELAY)
    ended = on_outcome(current, halted(second, "by ann", NOW), NOW + DELAY)
    assert (ended.status, statuses(ended)) == (
        PlanStatus.CANCELLED,
        ["done", "failed", "skipped"],
    )
    assert ended.reason == f"{KILL_SWITCH}: not started, since acts are halted: by ann"
    assert ask(ended, NOW + LEASE)[1] is None


def test_outcomes_of_what_no_handler_finished() -> None:
    _, action = asked(started("one"), NOW)
    stopped = halted(action, "by ann", NOW, resumed=True)
    assert (stopped.status, stopped.error_type) == (OutcomeStatus.CANCELLED, "KillSwitch")
    assert "may have begun it" in (stopped.error_message or "")
    lost = lease_over(action, NOW + LEASE)
    assert (lost.status, lost.error_type) == (OutcomeStatus.TIMEOUT, "LeaseExpired")
    assert (lost.severity, lost.end_time) == (Severity.WARNING, NOW + LEASE)
    assert lost.event_id == stopped.event_id == outcome(action).event_id


def test_plan_without_actions_fails_as_it_begins() -> None:
    ended = begin(plan(), NOW)
    assert (ended.status, ended.reason) == (PlanStatus.FAILED, "no action was done")


def test_times_never_go_back() -> None:
    current, action = asked(started("one", "two"), NOW)
    current = on_outcome(current, outcome(action), NOW - 60_000)
    assert current.actions[0].ended_at == current.timestamp == NOW


def test_running_plan_goes_on_from_its_stored_form() -> None:
    current, first = asked(started("one", "two"), NOW)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(current), type=Plan)
    assert ask(again, NOW + LEASE - 1) == (again, None)
    again = on_outcome(again, outcome(first), NOW + 1)
    again, second = asked(again, NOW + 1 + DELAY)
    assert second.action_id == action_id("p-1", 1)
    assert on_outcome(again, outcome(second), NOW + 2 + DELAY).status is PlanStatus.DONE
