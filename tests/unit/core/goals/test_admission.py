from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.goals.admission import (
    Refusal,
    RefusalReason,
    admit,
    enforce_cap,
)
from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import CloseReason, cancel, measure
from streams.core.goals.precedence import contradicts
from streams.core.goals.state import Goals
from streams.records import (
    CauseKind,
    Direction,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    Priority,
)
from tests.kits.core.goals import (
    CONFIG,
    HOUR,
    NOW,
    admitted,
    changed,
    goal,
    keep,
    numbers,
    state,
)


def refused(
    request: Goal,
    entity: Goals | None = None,
    current: float | None = None,
    config: GoalConfig = CONFIG,
) -> Refusal:
    result = admit(request, entity or state(), current, NOW, config)
    assert isinstance(result, Refusal)
    assert result.goal_id == request.goal_id
    return result


def candidate(**fields: Any) -> Goal:
    """A goal that a rule of the engine wants."""
    base = {
        "goal_id": "auto-1",
        "origin": GoalOrigin.AUTONOMOUS,
        "cause_kind": CauseKind.RULE,
        "cause_id": "latency",
        "direction": Direction.AT_MOST,
        "target_value": 80.0,
    }
    return goal(**(base | fields))


@pytest.mark.spec("S1-086")
def test_a_request_becomes_the_first_revision() -> None:
    result = admitted(4.0, deadline=NOW + HOUR, priority=Priority.HIGH)
    assert (result.revision, result.status, result.created_at) == (1, GoalStatus.ACTIVE, NOW)
    assert (result.baseline, result.current_value, result.gap) == (4.0, 4.0, 6.0)
    assert (result.progress, result.priority, result.deadline) == (0.0, Priority.HIGH, NOW + HOUR)
    assert result.dedupe_key


def test_without_a_measurement_there_is_no_baseline_yet() -> None:
    result = admitted(None)
    assert (result.baseline, result.current_value, result.gap) == (None, None, None)


def test_a_request_cannot_claim_what_the_engine_decides() -> None:
    result = admitted(
        4.0,
        status=GoalStatus.ACHIEVED,
        progress=0.9,
        baseline=-5.0,
        met_since=NOW,
        closed_at=NOW,
        close_reason="done",
        created_at=0,
    )
    assert result == admitted(4.0)


def test_a_request_without_an_id_gets_a_stable_one() -> None:
    one, other = admitted(goal_id=""), admitted(goal_id="")
    assert one.goal_id == other.goal_id != ""


@pytest.mark.parametrize(
    ("fields", "reason", "named"),
    [
        ({"target_value": math.nan}, RefusalReason.INVALID, "target_value is nan"),
        ({"target_value": math.inf}, RefusalReason.INVALID, "target_value is inf"),
        ({"target_metric": ""}, RefusalReason.INVALID, "target_metric"),
        ({"hold_ms": -1}, RefusalReason.INVALID, "hold_ms is -1"),
        ({"deadline": NOW}, RefusalReason.DEADLINE, f"deadline {NOW}"),
        ({"status": GoalStatus.CANCELLED}, RefusalReason.UNKNOWN, "'g-1'"),
    ],
)
def test_unusable_requests_are_refused_with_field_and_value(
    fields: dict[str, Any], reason: RefusalReason, named: str
) -> None:
    refusal = refused(goal(**fields))
    assert refusal.reason is reason
    assert named in refusal.text


def test_a_closed_goal_stays_closed() -> None:
    closed = cancel(admitted(), "", NOW)
    assert refused(goal(), state(closed)).reason is RefusalReason.CLOSED


def test_one_open_goal_per_cause() -> None:
    first = admitted()
    refusal = refused(goal(goal_id="g-2", target_value=20.0), state(first))
    assert refusal.reason is RefusalReason.DUPLICATE
    assert "'g-1'" in refusal.text
    again = admit(goal(goal_id="g-2"), state(cancel(first, "", NOW)), None, NOW, CONFIG)
    assert isinstance(again, Goal)


def test_a_metric_may_have_a_floor_and_a_ceiling() -> None:
    floor = admitted(direction=Direction.AT_LEAST)
    ceiling = goal(goal_id="g-2", direction=Direction.AT_MOST, target_value=50.0)
    assert isinstance(admit(ceiling, state(floor), None, NOW, CONFIG), Goal)


def test_an_identical_request_changes_nothing() -> None:
    known = measure(admitted(2.0), 4.0, 2.0, NOW)
    assert known is not None
    assert admit(goal(), state(known), 4.0, NOW + HOUR, CONFIG) is None
    assert admit(goal(goal_id=""), state(known), 4.0, NOW + HOUR, CONFIG) is None


@pytest.mark.spec("S0-031")
@pytest.mark.parametrize("goal_id", ["g-1", ""])
def test_the_latest_target_wins(goal_id: str) -> None:
    known = measure(admitted(2.0), 4.0, 2.0, NOW)
    assert known is not None
    request = goal(goal_id=goal_id, target_value=20.0, timestamp=NOW + HOUR)
    result = admit(request, state(known), 4.0, NOW + HOUR, CONFIG)
    assert isinstance(result, Goal)
    assert (result.goal_id, result.revision) == ("g-1", known.revision + 1)
    assert (result.target_value, result.gap) == (20.0, 16.0)
    assert (result.baseline, result.progress) == (4.0, 0.0)
    assert result.created_at == NOW


def test_a_change_that_leaves_the_target_keeps_the_progress() -> None:
    known = measure(admitted(2.0), 4.0, 2.0, NOW)
    assert known is not None
    request = goal(priority=Priority.CRITICAL, description="queue first", deadline=NOW + HOUR)
    result = admit(request, state(known), 4.0, NOW, CONFIG)
    assert isinstance(result, Goal)
    assert (result.priority, result.description) == (Priority.CRITICAL, "queue first")
    assert (result.baseline, result.progress) == (2.0, 0.25)


def test_a_goal_may_not_be_changed_into_a_duplicate() -> None:
    one = admitted()
    other = admitted(goal_id="g-2", target_metric="latency")
    request = goal(goal_id="g-2", target_metric="queue_length")
    assert refused(request, state(one, other)).reason is RefusalReason.DUPLICATE


@pytest.mark.spec("S1-090")
def test_a_user_cancels_an_open_goal() -> None:
    request = goal(status=GoalStatus.CANCELLED, close_reason="season is over")
    result = admit(request, state(admitted()), None, NOW, CONFIG)
    assert isinstance(result, Goal)
    assert (result.status, result.close_reason) == (GoalStatus.CANCELLED, "season is over")


@pytest.mark.spec("S1-091")
def test_the_same_candidate_five_times_is_one_goal() -> None:
    entity = state()
    for analysis in range(5):
        result = admit(candidate(goal_id=f"auto-{analysis}"), entity, 95.0, NOW, CONFIG)
        if isinstance(result, Goal):
            keep(entity, result)
    assert list(entity.by_id()) == ["auto-0"]


def test_a_candidate_that_is_met_already_is_refused() -> None:
    assert refused(candidate(), current=80.0).reason is RefusalReason.ALREADY_MET
    assert isinstance(admit(candidate(), state(), 81.0, NOW, CONFIG), Goal)


def test_a_predicted_breach_is_a_reason_while_all_is_well() -> None:
    request = candidate(cause_kind=CauseKind.PREDICTION, cause_id="p-1")
    assert isinstance(admit(request, state(), 60.0, NOW, CONFIG), Goal)


def test_a_user_may_ask_for_what_is_met_already() -> None:
    result = admitted(60.0, direction=Direction.AT_MOST, target_value=80.0)
    assert (result.status, result.progress) == (GoalStatus.ACTIVE, 1.0)


def test_a_candidate_must_not_contradict_an_open_goal() -> None:
    floor = admitted(direction=Direction.AT_LEAST, target_value=90.0)
    assert refused(candidate(), state(floor), 95.0).reason is RefusalReason.CONTRADICTS
    compatible = admitted(direction=Direction.AT_LEAST, target_value=20.0)
    assert isinstance(admit(candidate(), state(compatible), 95.0, NOW, CONFIG), Goal)


@given(numbers, numbers, st.sampled_from(Direction), st.sampled_from(Direction))
def test_contradiction_is_mutual_and_never_with_itself(
    one: float, other: float, first: Direction, second: Direction
) -> None:
    left = goal(target_value=one, direction=first)
    right = goal(target_value=other, direction=second)
    assert contradicts(left, right) == contradicts(right, left)
    assert not contradicts(left, left)
    assert not contradicts(left, changed(right, target_metric="latency"))


def active(count: int, **fields: Any) -> list[Goal]:
    return [
        admitted(now=NOW + i, goal_id=f"g-{i}", target_metric=f"m-{i}", **fields)
        for i in range(count)
    ]


@pytest.mark.spec("S1-092")
def test_the_newest_of_equal_goals_beyond_the_cap_are_cancelled() -> None:
    cancelled = enforce_cap(state(*reversed(active(12))), NOW + HOUR, CONFIG)
    assert [each.goal_id for each in cancelled] == ["g-10", "g-11"]
    assert {each.status for each in cancelled} == {GoalStatus.CANCELLED}


@pytest.mark.spec("S1-090")
def test_the_lowest_priority_is_cancelled_with_a_reason() -> None:
    goals = active(11)
    goals[3] = changed(goals[3], priority=Priority.LOW)
    cancelled = enforce_cap(state(*goals), NOW + HOUR, CONFIG)
    assert [(each.goal_id, each.close_reason) for each in cancelled] == [("g-3", CloseReason.CAP)]


@pytest.mark.spec("S1-157")
def test_of_three_goals_two_stay_active_with_a_cap_of_two() -> None:
    entity = state(*active(3))
    for each in enforce_cap(entity, NOW + HOUR, GoalConfig(max_active_goals=2)):
        keep(entity, each)
    assert [each.goal_id for each in entity.open()] == ["g-0", "g-1"]


def test_goals_in_progress_are_not_counted() -> None:
    goals = [changed(each, status=GoalStatus.IN_PROGRESS) for each in active(11)]
    assert enforce_cap(state(*goals), NOW, CONFIG) == []


def test_a_candidate_that_the_cap_would_cancel_is_refused() -> None:
    entity = state(*active(10))
    refusal = refused(candidate(target_metric="cpu_usage"), entity, 95.0)
    assert refusal.reason is RefusalReason.CAP
    urgent = candidate(target_metric="cpu_usage", priority=Priority.CRITICAL)
    result = admit(urgent, entity, 95.0, NOW + HOUR, CONFIG)
    assert isinstance(result, Goal)
    keep(entity, result)
    assert [each.goal_id for each in enforce_cap(entity, NOW + HOUR, CONFIG)] == ["g-9"]


requests = st.builds(
    goal,
    goal_id=st.sampled_from(["", "g-1", "g-2", "g-3"]),
    goal_type=st.sampled_from(GoalType),
    target_metric=st.sampled_from(["cpu_usage", "latency"]),
    target_value=numbers,
    direction=st.sampled_from(Direction),
    origin=st.sampled_from(GoalOrigin),
    status=st.sampled_from([GoalStatus.ACTIVE, GoalStatus.CANCELLED]),
)


@given(st.lists(requests, max_size=12), st.none() | numbers)
def test_admission_is_idempotent_and_keys_stay_unique(
    asked: list[Goal], current: float | None
) -> None:
    entity = state()
    for request in asked:
        result = admit(request, entity, current, NOW, CONFIG)
        if isinstance(result, Goal):
            before = entity.by_id().get(result.goal_id)
            assert result.revision == (before.revision if before else 0) + 1
            keep(entity, result)
        assert not isinstance(admit(request, entity, current, NOW, CONFIG), Goal)
        keys = [each.dedupe_key for each in entity.open()]
        assert len(keys) == len(set(keys))
