from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.safety.approval import ask, awaits_approval
from streams.core.safety.budget import note_start
from streams.core.safety.config import Mode, SafetyConfig
from streams.core.safety.gate import ALLOWED, GateDecision
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState
from streams.records import CauseKind
from tests.kits.core.safety import (
    CONFIG,
    HOUR,
    MINUTE,
    NOW,
    goal,
    plan,
    proposal,
    verdict,
)


def acted(
    *moments: int, target: str = "cpu", change: float = 0.0, config: SafetyConfig = CONFIG
) -> SafetyState:
    state = SafetyState()
    for moment in moments:
        note_start(
            state,
            target=target,
            change=change,
            scale=1.0,
            plan_id=f"p-{moment}",
            now=moment,
            config=config,
        )
    return state


def test_a_safe_act_is_allowed() -> None:
    assert verdict() == ALLOWED


@pytest.mark.parametrize(
    ("mode", "decision"),
    [
        (Mode.OBSERVE, GateDecision.REFUSE),
        (Mode.RECOMMEND, GateDecision.RECOMMEND),
        (Mode.APPROVE, GateDecision.AWAIT_APPROVAL),
    ],
)
def test_the_mode_decides_how_far_a_plan_goes(mode: Mode, decision: GateDecision) -> None:
    answer = verdict(mode=mode)
    assert (answer.decision, answer.check) == (decision, "mode")
    assert f"mode is {mode.value}" in answer.reason


@pytest.mark.parametrize(
    ("controls", "check"),
    [(Controls(killed="fire"), "kill_switch"), (Controls(running=False), "stopped")],
)
def test_a_stop_refuses_even_what_a_person_approved(controls: Controls, check: str) -> None:
    answer = verdict(controls=controls, approved_by=("ann",))
    assert (answer.decision, answer.check) == (GateDecision.REFUSE, check)


@pytest.mark.spec("S1-178")
def test_an_action_that_is_not_on_the_allow_list_needs_approval() -> None:
    unlisted = proposal(unattended=False)
    answer = verdict(proposal=unlisted)
    assert (answer.decision, answer.check) == (GateDecision.AWAIT_APPROVAL, "allow_list")
    waiting = ask(plan(), NOW, answer.reason, CONFIG)
    assert awaits_approval(waiting)
    assert "add_units is not on the allow list" in waiting.reason
    assert verdict(proposal=unlisted, approved_by=("ann",)) == ALLOWED


def test_what_an_event_has_asked_for_needs_approval_in_every_mode() -> None:
    fields: dict[str, Any] = {"goal": goal(cause_kind=CauseKind.EVENT), "mode": Mode.ACT}
    answer = verdict(**fields)
    assert (answer.decision, answer.check) == (GateDecision.AWAIT_APPROVAL, "goal_state")
    assert verdict(**fields, approved_by=("ann",)) == ALLOWED


def test_what_cannot_be_undone_needs_another_person() -> None:
    fields: dict[str, Any] = {"proposal": proposal(reversible=False), "requester": "ann"}
    alone = verdict(**fields, approved_by=(" Ann",))
    assert (alone.decision, alone.check) == (GateDecision.AWAIT_APPROVAL, "irreversible")
    assert "a person other than ann" in alone.reason
    assert verdict(**fields, approved_by=("ann", "bob")) == ALLOWED


def test_the_requester_may_approve_what_can_be_undone() -> None:
    assert verdict(mode=Mode.APPROVE, requester="ann", approved_by=("ann",)) == ALLOWED


def test_a_blank_name_approves_nothing() -> None:
    answer = verdict(mode=Mode.APPROVE, approved_by=("", " "))
    assert answer.decision is GateDecision.AWAIT_APPROVAL
    assert "nobody has approved it" in answer.reason


def test_low_coverage_lowers_acting_to_recommending() -> None:
    answer = verdict(coverage=0.7)
    assert (answer.decision, answer.check) == (GateDecision.RECOMMEND, "coverage")
    assert "0.70" in answer.reason
    assert "0.76" in answer.reason
    assert verdict(coverage=0.7, approved_by=("ann",)) == ALLOWED
    assert verdict(coverage=None) == ALLOWED


def test_one_act_is_in_flight_per_target() -> None:
    answer = verdict(in_flight=frozenset({"cpu"}))
    assert (answer.decision, answer.check) == (GateDecision.LATER, "in_flight")
    assert answer.until is None
    assert verdict(in_flight=frozenset({"memory"})) == ALLOWED


def test_a_target_rests_between_two_acts() -> None:
    state = acted(NOW)
    answer = verdict(state, now=NOW + 4 * MINUTE)
    assert (answer.check, answer.until) == ("cooldown", NOW + 10 * MINUTE)
    assert "4 min ago" in answer.reason
    assert "wait 6 min" in answer.reason
    assert verdict(state, now=NOW + 10 * MINUTE) == ALLOWED
    assert verdict(state, now=NOW + 4 * MINUTE, goal=goal(target_metric="memory")) == ALLOWED


def test_the_budget_of_acts_is_kept_until_the_oldest_leaves_the_window() -> None:
    state = acted(*(NOW + index * 10 * MINUTE for index in range(6)))
    late = NOW + 59 * MINUTE
    answer = verdict(state, now=late, goal=goal(target_metric="memory"))
    assert (answer.decision, answer.check) == (GateDecision.LATER, "budget")
    assert answer.until == NOW + HOUR
    assert "6 plans began within 60 min, the limit is 6" in answer.reason
    assert verdict(state, now=NOW + HOUR) == ALLOWED


def test_approval_does_not_lift_the_budget() -> None:
    state = acted(*(NOW + index for index in range(6)), target="memory")
    assert verdict(state, now=NOW + MINUTE, approved_by=("ann",)).check == "budget"


def test_a_large_step_needs_approval() -> None:
    answer = verdict(expected_change=-60.0)
    assert (answer.decision, answer.check) == (GateDecision.AWAIT_APPROVAL, "step_change")
    assert "0.6 of its scale" in answer.reason
    assert "limit is 0.5" in answer.reason
    assert verdict(expected_change=-60.0, approved_by=("ann",)) == ALLOWED
    assert verdict(expected_change=-50.0) == ALLOWED


def test_changes_of_a_window_add_up() -> None:
    state = acted(NOW, NOW + 10 * MINUTE, change=0.4)
    now = NOW + 20 * MINUTE
    answer = verdict(state, now=now, expected_change=30.0)
    assert (answer.decision, answer.check) == (GateDecision.LATER, "window_change")
    assert answer.until == NOW + HOUR
    assert "1.1 of its scale" in answer.reason
    assert verdict(state, now=now, expected_change=20.0) == ALLOWED
    assert verdict(state, now=NOW + HOUR, expected_change=30.0) == ALLOWED


def test_nobody_is_asked_about_what_could_not_begin() -> None:
    answer = verdict(acted(NOW), now=NOW + MINUTE, mode=Mode.APPROVE)
    assert answer.decision is GateDecision.LATER


def test_an_unknown_change_is_left_to_the_budget_of_acts() -> None:
    assert verdict(expected_change=None) == ALLOWED
    assert verdict(expected_change=9.0, scale=0.0) == ALLOWED


def test_an_open_breaker_lets_nothing_begin() -> None:
    state = SafetyState(breaker_open_until=NOW + 30 * MINUTE)
    answer = verdict(state, approved_by=("ann",))
    assert (answer.decision, answer.check) == (GateDecision.LATER, "breaker")
    assert answer.until == NOW + 30 * MINUTE
    assert "3 of the latest 10" in answer.reason
    assert verdict(state, now=NOW + 30 * MINUTE) == ALLOWED


def test_one_act_is_tried_at_a_time() -> None:
    state = SafetyState(breaker_open_until=NOW)
    note_start(state, target="cpu", change=1, scale=100, plan_id="p-1", now=NOW, config=CONFIG)
    answer = verdict(state, now=NOW + MINUTE, goal=goal(target_metric="memory"))
    assert (answer.check, answer.until) == ("breaker", NOW + HOUR)
    assert "being tried" in answer.reason


modes = st.sampled_from(Mode)
names = st.lists(st.sampled_from(["", "ann", "bob"]), max_size=2).map(tuple)


@given(
    mode=modes,
    reversible=st.booleans(),
    unattended=st.booleans(),
    coverage=st.none() | st.floats(0, 1),
    change=st.none() | st.floats(-200, 200),
    approved_by=names,
    requester=st.sampled_from(["", "ann"]),
    moments=st.lists(st.integers(NOW - HOUR, NOW), max_size=7),
)
def test_nothing_unsafe_ever_begins(
    mode: Mode,
    reversible: bool,
    unattended: bool,
    coverage: float | None,
    change: float | None,
    approved_by: tuple[str, ...],
    requester: str,
    moments: list[int],
) -> None:
    answer = verdict(
        acted(*sorted(moments)),
        mode=mode,
        proposal=proposal(reversible=reversible, unattended=unattended),
        coverage=coverage,
        expected_change=change,
        approved_by=approved_by,
        requester=requester,
    )
    others = {name for name in approved_by if name}
    if answer.decision is GateDecision.ALLOW:
        assert mode.rank >= Mode.APPROVE.rank
        assert mode is Mode.ACT or others
        assert reversible or others - {requester}
        assert unattended or others
        assert others or change is None or abs(change) <= 50
        assert all(moment <= NOW - 10 * MINUTE for moment in moments)
        assert answer == ALLOWED
    else:
        assert answer.reason
        assert answer.check
    if answer.until is not None:
        assert answer.until > NOW
