from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.goals.measurement import (
    NOT_BEFORE,
    PROGRESS_REST_MS,
    PROGRESS_STEP,
    CloseReason,
    cancel,
    close_expired,
    is_notable,
    measure,
)
from streams.core.goals.state import Published
from streams.core.outcomes.build import interpret, outcome_for
from streams.records import Direction, Goal, GoalStatus, Priority, Trend
from tests.kits.core.goals import (
    HOUR,
    MINUTE,
    NOW,
    action,
    admitted,
    changed,
    numbers,
)

AT_MOST = Direction.AT_MOST


def measured(goal: Goal, *values: float, step: int = MINUTE) -> Goal:
    """``goal`` after ``values`` were measured, one a step."""
    previous = goal.current_value
    for index, value in enumerate(values, start=1):
        goal = measure(goal, value, previous, NOW + index * step) or goal
        previous = value
    return goal


def test_the_first_measurement_is_the_baseline_and_stays_it() -> None:
    goal = measured(admitted(), 2.0, 4.0)
    assert (goal.baseline, goal.current_value, goal.gap) == (2.0, 4.0, 6.0)
    assert (goal.progress, goal.trend) == (0.25, Trend.TOWARD_GOAL)
    assert (goal.status, goal.revision) == (GoalStatus.ACTIVE, 3)


def test_a_reached_target_is_achieved_at_once() -> None:
    goal = measured(admitted(2.0), 10.0)
    assert goal.status is GoalStatus.ACHIEVED
    assert goal.progress == 1.0
    assert (goal.closed_at, goal.close_reason) == (NOW + MINUTE, CloseReason.MET)


@pytest.mark.spec("S1-094")
def test_a_value_beyond_the_target_is_full_progress() -> None:
    goal = measured(admitted(0.0), 13.0)
    assert (goal.progress, goal.status) == (1.0, GoalStatus.ACHIEVED)


def test_a_ceiling_must_hold_before_it_is_achieved() -> None:
    request = admitted(90.0, direction=AT_MOST, target_value=80.0, hold_ms=HOUR)
    met = measure(request, 75.0, 90.0, NOW)
    assert met is not None
    assert (met.status, met.met_since, met.progress) == (GoalStatus.ACTIVE, NOW, 1.0)
    early = measure(met, 75.0, 75.0, NOW + HOUR - 1)
    assert early is not None
    assert (early.status, early.met_since) == (GoalStatus.ACTIVE, NOW)
    held = measure(early, 75.0, 75.0, NOW + HOUR)
    assert held is not None
    assert held.status is GoalStatus.ACHIEVED


def test_a_broken_hold_starts_again() -> None:
    goal = admitted(90.0, direction=AT_MOST, target_value=80.0, hold_ms=HOUR)
    goal = measured(goal, 75.0, 85.0, 75.0, step=HOUR // 2)
    assert (goal.status, goal.met_since) == (GoalStatus.ACTIVE, NOW + 3 * HOUR // 2)


def test_a_ceiling_without_hold_is_achieved_at_once() -> None:
    goal = measured(admitted(90.0, direction=AT_MOST, target_value=80.0), 80.0)
    assert goal.status is GoalStatus.ACHIEVED


def test_holding_before_the_predicted_moment_proves_nothing() -> None:
    goal = admitted(
        70.0,
        direction=AT_MOST,
        target_value=80.0,
        hold_ms=HOUR,
        cause_numbers={NOT_BEFORE: float(NOW + 6 * HOUR)},
    )
    goal = measured(goal, *[70.0] * 5, step=HOUR)
    assert goal.status is GoalStatus.ACTIVE
    assert goal.met_since == NOW + HOUR
    after = measure(goal, 70.0, 70.0, NOW + 6 * HOUR)
    assert after is not None
    assert after.status is GoalStatus.ACHIEVED


def test_an_unmet_goal_fails_after_its_deadline() -> None:
    goal = measured(admitted(0.0, deadline=NOW + HOUR), 4.0)
    assert goal.progress == 0.4
    assert close_expired(goal, NOW + HOUR) is None
    failed = close_expired(goal, NOW + HOUR + 1)
    assert failed is not None
    assert (failed.status, failed.progress) == (GoalStatus.FAILED, 0.4)
    assert failed.close_reason == CloseReason.DEADLINE
    assert failed.revision == goal.revision + 1


def test_a_value_after_the_deadline_is_too_late() -> None:
    goal = admitted(0.0, deadline=NOW + HOUR)
    late = measure(goal, 10.0, 0.0, NOW + 2 * HOUR)
    assert late is not None
    assert (late.status, late.progress) == (GoalStatus.FAILED, 0.0)


def test_a_target_met_in_time_may_complete_its_hold_after_the_deadline() -> None:
    fields = {"direction": AT_MOST, "target_value": 80.0, "hold_ms": HOUR}
    goal = admitted(90.0, deadline=NOW + HOUR, **fields)
    goal = measured(goal, 75.0, step=HOUR // 2)
    assert close_expired(goal, NOW + HOUR + 1) is None
    held = measure(goal, 75.0, 75.0, NOW + 3 * HOUR // 2)
    broken = measure(goal, 95.0, 75.0, NOW + HOUR + 1)
    assert held is not None
    assert held.status is GoalStatus.ACHIEVED
    assert broken is not None
    assert (broken.status, broken.current_value) == (GoalStatus.FAILED, 95.0)
    assert broken.revision == goal.revision + 1


@pytest.mark.spec("S1-095")
def test_successful_actions_do_not_move_progress() -> None:
    goal = measured(admitted(), 4.0)
    for _ in range(10):
        result = interpret({"success": True, "impact": {"queue_length": 6.0}})
        outcome = outcome_for(
            action(goal_id=goal.goal_id),
            result,
            start_time=NOW,
            end_time=NOW,
            duration_ms=0.0,
            agent_name="scaler",
            agent_type="worker",
            run_id="r-1",
        )
        assert outcome.impact_claimed == {"queue_length": 6.0}
        assert measure(goal, 4.0, 4.0, NOW + HOUR) is None
    assert goal.progress == 0.0


def test_closed_goals_are_not_measured_nor_closed_again() -> None:
    goal = cancel(admitted(2.0, deadline=NOW + 1), "no longer wanted", NOW)
    assert (goal.status, goal.close_reason) == (GoalStatus.CANCELLED, "no longer wanted")
    assert measure(goal, 10.0, 2.0, NOW + HOUR) is None
    assert close_expired(goal, NOW + HOUR) is None
    assert cancel(goal, "again", NOW + HOUR) == goal


def test_time_does_not_run_backwards() -> None:
    goal = measured(admitted(2.0), 4.0)
    late = measure(goal, 5.0, 4.0, NOW - HOUR)
    assert late is not None
    assert late.timestamp == goal.timestamp


values = st.lists(numbers, min_size=1, max_size=20)
goals = st.builds(
    lambda direction, target, current, hold: admitted(
        current, direction=direction, target_value=target, hold_ms=hold
    ),
    st.sampled_from(Direction),
    numbers,
    st.none() | numbers,
    st.sampled_from([0, MINUTE, HOUR]),
)


@given(goals, values)
def test_each_revision_is_one_higher_and_progress_stays_in_range(
    goal: Goal, measurements: list[float]
) -> None:
    previous = None
    for index, value in enumerate(measurements):
        after = measure(goal, value, previous, NOW + index * MINUTE)
        if after is not None:
            assert after.revision == goal.revision + 1
            assert after != changed(goal, revision=after.revision, timestamp=after.timestamp)
            assert 0.0 <= after.progress <= 1.0
            assert goal.status.is_open
            goal = after
        previous = value


@given(goals, values)
def test_progress_needs_a_metric_that_moved(goal: Goal, measurements: list[float]) -> None:
    goal = measured(goal, *measurements)
    assert goal.current_value is not None
    for step in range(1, 4):
        value = goal.current_value
        after = measure(goal, value, value, NOW + step * HOUR) or goal
        assert after.progress <= goal.progress
        goal = after


def test_milestones_are_notable() -> None:
    goal = admitted()
    first = measured(goal, 0.0)
    said = Published(first.progress, NOW)
    assert is_notable(goal, first, said)
    assert is_notable(first, changed(first, target_value=11.0), said)
    assert is_notable(first, changed(first, priority=Priority.CRITICAL), said)
    assert is_notable(first, changed(first, deadline=NOW + 1), said)
    assert is_notable(first, cancel(first, "", NOW), said)
    assert not is_notable(first, changed(first, trend=Trend.TOWARD_GOAL), said)
    assert not is_notable(first, changed(first, met_since=NOW), said)


def test_small_steps_are_quiet_until_they_add_up() -> None:
    known = measured(admitted(), 0.0, 0.2, 0.4)
    said = Published(known.progress, known.timestamp)
    quiet = measured(known, 0.6)
    assert not is_notable(known, quiet, said)
    loud = measured(quiet, 0.8, 1.0)
    assert loud.progress >= known.progress + PROGRESS_STEP
    assert is_notable(quiet, loud, said)
    assert not is_notable(quiet, loud, Published(loud.progress, NOW))


def test_any_move_is_worth_a_record_after_a_rest() -> None:
    known = measured(admitted(), 0.0, 0.2)
    quiet = measured(known, 0.4)
    said = Published(known.progress, quiet.timestamp - PROGRESS_REST_MS)
    assert is_notable(known, quiet, said)
    assert not is_notable(known, quiet, replace(said, at=said.at + 1))
    assert not is_notable(known, changed(quiet, progress=known.progress), said)


def test_noise_moves_no_progress_however_long() -> None:
    """Two values 1 apart, where forecasts are wrong by 0.5: 10 % of a way of 10."""
    known = measured(admitted(), 0.0, 4.0)
    there = measured(known, 5.0)
    said = Published(known.progress, 0)
    assert is_notable(known, there, said, dead_band=0.2)
    assert not is_notable(known, there, said, dead_band=0.5)
    far = measured(known, 8.0)
    assert is_notable(known, far, said, dead_band=50.0)


def test_progress_to_and_fro_is_published_ever_more_rarely() -> None:
    known = measured(admitted(), 0.0)
    said, times = Published(known.progress, NOW), list[int]()
    for minute in range(24 * 60):
        after = changed(known, progress=0.1 * (minute % 2), timestamp=NOW + minute * MINUTE)
        if is_notable(known, after, said):
            said = said.then(after)
            times.append(minute)
    assert times[:2] == [1, 2]
    assert 5 <= len(times) <= 10
    on = changed(known, progress=0.3, timestamp=NOW + 24 * HOUR)
    said = said.then(on)
    assert said.turns <= 1 or said.then(changed(on, progress=0.4)).turns == 0


def test_a_hold_does_not_run_on_through_silence() -> None:
    goal = admitted(target_value=70.0, direction=AT_MOST, hold_ms=HOUR)
    held = measured(goal, 60.0)
    later = NOW + 7 * 24 * HOUR
    again = measure(held, 60.0, 60.0, later, after_silence=True)
    assert again is not None
    assert (again.status, again.met_since) == (GoalStatus.ACTIVE, later)
    done = measure(held, 60.0, 60.0, later)
    assert done is not None
    assert done.status is GoalStatus.ACHIEVED
