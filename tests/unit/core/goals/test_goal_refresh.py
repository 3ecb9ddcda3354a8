"""A candidate of the engine meets the goals that are open already."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.goals.admission import Refusal, RefusalReason, admit, displaced
from streams.core.goals.measurement import NOT_BEFORE
from streams.core.goals.precedence import contradicts, gives_way, is_covered
from streams.core.goals.refresh import refresh
from streams.records import CauseKind, Direction, Goal, GoalOrigin, GoalType, Priority
from tests.kits.core.goals import (
    CONFIG,
    HOUR,
    MINUTE,
    NOW,
    admitted,
    changed,
    goal,
    numbers,
    state,
)


def candidate(**fields: Any) -> Goal:
    base = {
        "goal_id": "auto-1",
        "goal_type": GoalType.BOTTLENECK_PREVENTION,
        "priority": Priority.HIGH,
        "origin": GoalOrigin.AUTONOMOUS,
        "cause_kind": CauseKind.PREDICTION,
        "cause_id": "p-1",
        "cause_numbers": {"probability": 0.8, NOT_BEFORE: float(NOW + 10 * HOUR)},
        "direction": Direction.AT_MOST,
        "target_value": 80.0,
        "deadline": NOW + 8 * HOUR,
        "dedupe_key": "checkout|bottleneck_prevention|queue_length",
    }
    return goal(**(base | fields))


def known(**fields: Any) -> Goal:
    result = admit(candidate(**fields), state(), 60.0, NOW, CONFIG)
    assert isinstance(result, Goal)
    return result


@pytest.mark.spec("S1-091")
def test_unchanged_input_refreshes_nothing() -> None:
    entity = state(known())
    for analysis in range(2, 6):
        again = candidate(goal_id=f"auto-{analysis}", cause_id=f"p-{analysis}")
        assert admit(again, entity, 60.0, NOW + analysis * MINUTE, CONFIG) is None


@pytest.mark.parametrize(
    ("news", "field", "value"),
    [
        ({"priority": Priority.CRITICAL}, "priority", Priority.CRITICAL),
        ({"deadline": NOW + 5 * HOUR}, "deadline", NOW + 5 * HOUR),
        (
            {"cause_numbers": {"probability": 0.6, NOT_BEFORE: float(NOW + 10 * HOUR)}},
            "cause_numbers",
            {"probability": 0.6, NOT_BEFORE: float(NOW + 10 * HOUR)},
        ),
    ],
)
def test_what_has_changed_is_one_revision(news: dict[str, Any], field: str, value: object) -> None:
    before = known()
    result = admit(candidate(goal_id="auto-2", **news), state(before), 61.0, NOW + 1, CONFIG)
    assert isinstance(result, Goal)
    assert (result.goal_id, result.revision) == (before.goal_id, before.revision + 1)
    assert getattr(result, field) == value
    assert result.baseline == before.baseline
    assert result.correlation_id == before.correlation_id


@pytest.mark.parametrize(
    "news",
    [
        {"priority": Priority.LOW},
        {"deadline": NOW + 20 * HOUR},
        {"deadline": NOW + 8 * HOUR - 10 * MINUTE},
        {"cause_numbers": {"probability": 0.81, NOT_BEFORE: float(NOW + 10 * HOUR + MINUTE)}},
        {"description": "in other words"},
    ],
)
def test_what_is_less_urgent_or_hardly_different_is_no_news(news: dict[str, Any]) -> None:
    assert refresh(known(), candidate(**news), 60.0, NOW) is None


def test_another_target_begins_anew() -> None:
    after = refresh(known(), candidate(target_value=70.0, deadline=NOW + 20 * HOUR), 65.0, NOW)
    assert after is not None
    assert (after.target_value, after.baseline, after.progress) == (70.0, 65.0, 1.0)
    assert after.deadline == NOW + 20 * HOUR


def test_a_goal_of_a_user_is_never_refreshed() -> None:
    users = changed(known(), origin=GoalOrigin.USER)
    for each in (candidate(goal_id="auto-2"), candidate()):
        result = admit(each, state(users), 60.0, NOW, CONFIG)
        assert isinstance(result, Refusal)
        assert result.reason is RefusalReason.DUPLICATE


def test_a_target_does_not_move_into_a_contradiction() -> None:
    floor = admitted(direction=Direction.AT_LEAST, target_value=75.0)
    result = admit(candidate(target_value=70.0), state(known(), floor), 60.0, NOW, CONFIG)
    assert isinstance(result, Refusal)
    assert result.reason is RefusalReason.CONTRADICTS
    assert "'g-1'" in result.text


@given(
    st.sampled_from(Priority),
    st.none() | st.integers(NOW + 1, NOW + 100 * HOUR),
    st.dictionaries(st.sampled_from(["probability", NOT_BEFORE]), numbers),
    numbers,
)
def test_a_refresh_is_idempotent_and_never_less_urgent(
    priority: Priority, deadline: int | None, found: dict[str, float], target: float
) -> None:
    before = known()
    news = candidate(priority=priority, deadline=deadline, cause_numbers=found, target_value=target)
    after = refresh(before, news, 60.0, NOW)
    if after is None:
        return
    assert after.revision == before.revision + 1
    assert after.priority.rank <= before.priority.rank
    if target == before.target_value:
        assert after.deadline is not None
        assert before.deadline is not None
        assert after.deadline <= before.deadline
    assert refresh(after, news, 60.0, NOW) is None


# -- goals that give way --------------------------------------------------------------------------


def own(**fields: Any) -> Goal:
    return candidate(**({"goal_id": "auto-9", "dedupe_key": "other"} | fields))


def test_a_kind_that_comes_first_replaces_one_that_pulls_the_same_way() -> None:
    lesser = own(goal_type=GoalType.RESOURCE_OPTIMIZATION, target_value=70.0)
    assert displaced(candidate(), state(lesser)) == [lesser]
    assert displaced(lesser, state(candidate())) == []
    assert is_covered(lesser, candidate())
    assert not is_covered(candidate(), lesser)


def test_the_more_urgent_of_two_contradictions_wins() -> None:
    shrink = own(goal_type=GoalType.COST_REDUCTION, priority=Priority.MEDIUM, target_value=4.0)
    grow = candidate(
        goal_type=GoalType.CAPACITY_PLANNING,
        priority=Priority.CRITICAL,
        direction=Direction.AT_LEAST,
        target_value=6.0,
    )
    assert isinstance(admit(grow, state(shrink), 5.0, NOW, CONFIG), Goal)
    assert displaced(grow, state(shrink)) == [shrink]
    refused = admit(shrink, state(grow), 5.0, NOW, CONFIG)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.CONTRADICTS


def test_goals_of_users_never_give_way() -> None:
    users = own(origin=GoalOrigin.USER, goal_type=GoalType.COST_REDUCTION, priority=Priority.LOW)
    assert not gives_way(users, candidate())
    assert not gives_way(users, candidate(direction=Direction.AT_LEAST, target_value=99.0))


goals = st.builds(
    own,
    goal_type=st.sampled_from(GoalType),
    priority=st.sampled_from(Priority),
    direction=st.sampled_from(Direction),
    target_value=numbers,
    dedupe_key=st.sampled_from(["one", "two"]),
    target_metric=st.sampled_from(["cpu", "load"]),
    origin=st.sampled_from(GoalOrigin),
)


@given(goals, goals)
def test_no_two_goals_give_way_to_each_other(one: Goal, other: Goal) -> None:
    assert not (gives_way(one, other) and gives_way(other, one))
    assert not gives_way(one, one)
    if gives_way(one, other):
        assert contradicts(one, other) or is_covered(one, other)
