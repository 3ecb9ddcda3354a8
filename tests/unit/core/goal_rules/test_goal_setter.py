"""All rules together: at most one goal for a metric, in order, none without need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.goal_rules.config import DEFAULT_TYPES, SettingConfig, TypeConfig
from streams.core.goal_rules.scaling import ScalingRule
from streams.core.goal_rules.setter import due_for_review, not_needed, propose, wanted_goals
from streams.core.goal_rules.situation import Situation
from streams.core.goals.measurement import begin, cancel, release
from streams.records import Goal, GoalOrigin, GoalStatus, GoalType, Priority
from tests.kits.core.goals import HOUR, NOW, admitted, changed, state
from tests.kits.core.resources import forecast
from tests.kits.core.situations import (
    CONFIG,
    breach,
    demand,
    holding,
    minutes,
    outlook,
    own,
    pattern,
    ramp,
    situation,
)

BREACH = breach("cpu", ramp(72.0, 4.0), current=72.0)


def taken(goal: Goal, now: int = NOW) -> Goal:
    """The candidate as it was admitted."""
    return changed(goal, revision=1, created_at=now)


@pytest.mark.spec("S1-006")
def test_goals_carry_priority_and_reason_the_most_urgent_first() -> None:
    seen = situation(
        {"memory": 80.0, "cost": 10.0, "latency": 300.0, "cpu": 72.0},
        breaches={"cpu": BREACH},
        outlook=outlook(demand("memory", 80.0)),
    )
    goals = propose(seen, CONFIG)
    assert [(goal.target_metric, goal.priority) for goal in goals] == [
        ("cpu", Priority.CRITICAL),
        ("latency", Priority.HIGH),
        ("memory", Priority.MEDIUM),
        ("cost", Priority.MEDIUM),
    ]
    assert all(goal.description and goal.cause_id and goal.cause_numbers for goal in goals)


def test_a_metric_gets_one_goal_from_one_look_ahead() -> None:
    seen = situation({"cpu": 78.0}, breaches={"cpu": BREACH}, outlook=outlook(demand("cpu", 90.0)))
    (goal,) = propose(seen, CONFIG)
    assert goal.goal_type is GoalType.BOTTLENECK_PREVENTION
    after = situation(
        {"cpu": 78.0}, outlook=outlook(demand("cpu", 90.0)), goals=holding(taken(goal))
    )
    assert propose(after, CONFIG) == []


def test_the_worked_example() -> None:
    """CPU at 72 % gains 4 % an hour: 95 % are passed in six hours."""
    seen = situation({"cpu": 72.0}, breaches={"cpu": BREACH}, outlook=outlook(demand("cpu", 122.0)))
    (goal,) = propose(seen, CONFIG)
    assert (goal.goal_type, goal.priority) == (GoalType.BOTTLENECK_PREVENTION, Priority.CRITICAL)
    assert (goal.target_value, goal.unit) == (80.0, "%")
    assert goal.deadline == NOW + 4 * HOUR
    assert len(goal.actions) == 3


@pytest.mark.parametrize("kind", list(GoalType))
def test_a_kind_can_be_turned_off(kind: GoalType) -> None:
    off = {kind: replace(DEFAULT_TYPES[kind], enabled=False)}
    setting = SettingConfig(types=off, capacity_metrics={"load": "slots"})
    every = full_situation()
    kinds = {goal.goal_type for goal in propose(every, replace(CONFIG, setting=setting))}
    allowed = replace(setting, types={})
    assert {g.goal_type for g in propose(every, replace(CONFIG, setting=allowed))} - kinds == {kind}


def full_situation() -> Situation:
    """One in which every rule finds something."""
    return situation(
        {
            "cpu": 72.0,
            "memory": 80.0,
            "latency": 250.0,
            "success_rate": 0.9,
            "load": 90.0,
            "slots": 100.0,
            "cost": 5.0,
            "task_efficiency": 1.0,
        },
        breaches={"cpu": BREACH},
        outlook=outlook(demand("memory", 80.0)),
        histories={"success_rate": minutes(*[0.9] * 30)},
        forecasts={"load": forecast([110.0] * 24)},
        patterns=[pattern()],
    )


# -- hysteresis -----------------------------------------------------------------------------------


def latency_goal() -> Goal:
    (goal,) = propose(situation({"latency": 250.0}), CONFIG)
    return taken(goal)


@pytest.mark.parametrize(("ago", "count"), [(HOUR - 1, 0), (HOUR, 1)])
def test_a_goal_that_was_just_closed_is_not_set_again(ago: int, count: int) -> None:
    closed = cancel(latency_goal(), "enough", NOW)
    seen = situation({"latency": 250.0}, goals=holding(closed), now=NOW + ago)
    assert len(propose(seen, CONFIG)) == count


def test_unless_it_has_become_more_urgent() -> None:
    high = breach("cpu", [50.0] * 23 + [99.0])
    (goal,) = propose(situation(breaches={"cpu": high}), CONFIG)
    closed = cancel(taken(goal), "enough", NOW)
    again = situation(breaches={"cpu": high}, goals=holding(closed))
    assert propose(again, CONFIG) == []
    worse = situation(breaches={"cpu": BREACH}, goals=holding(closed))
    assert [each.priority for each in propose(worse, CONFIG)] == [Priority.CRITICAL]


def test_a_kind_that_comes_after_does_not_fill_in() -> None:
    seen = situation({"cpu": 85.0}, breaches={"cpu": BREACH}, outlook=outlook(demand("cpu", 90.0)))
    (goal,) = propose(seen, CONFIG)
    closed = cancel(taken(goal), "enough", NOW)
    assert propose(replace(seen, goals=holding(closed)), CONFIG) == []


def test_the_recurring_tasks_get_their_goals_one_by_one() -> None:
    tasks = [pattern(f"pat-{n}") for n in range(4)]
    goals: dict[str, Goal] = {}
    for _ in range(5):
        seen = situation({"task_efficiency": 1.0}, patterns=tasks, goals=goals)
        (goal,) = propose(seen, CONFIG)
        goals[goal.goal_id] = taken(goal)
    assert sorted(goal.cause_id for goal in goals.values()) == ["pat-0", "pat-1", "pat-2"]


def test_the_cooldown_is_a_setting() -> None:
    closed = cancel(latency_goal(), "enough", NOW)
    seen = situation({"latency": 250.0}, goals=holding(closed), now=NOW + 1)
    types = {GoalType.PERFORMANCE_TARGET: TypeConfig(due_ms=HOUR, cooldown_ms=1)}
    eager = replace(CONFIG, setting=SettingConfig(types=types))
    assert len(propose(seen, eager)) == 1


def test_scaling_follows_its_demand_without_a_cooldown() -> None:
    rule = ScalingRule(capacity_metric="units", unit_capacity=10.0, hold=1)
    config = replace(CONFIG, setting=SettingConfig(scaling={"load": rule}))
    seen = situation({"load": 30.0, "units": 2.0}, forecasts={"load": forecast([30.0] * 24)})
    (goal,) = propose(seen, config)
    assert (goal.target_metric, goal.target_value) == ("units", 4.0)
    closed = cancel(taken(goal), "done", NOW)
    again = propose(replace(seen, goals=holding(closed), now=NOW + 1), config)
    assert [each.target_value for each in again] == [4.0]


# -- review ---------------------------------------------------------------------------------------

REVIEW = CONFIG.goals.review_ms


def reviewed(goal: Goal, seen: Situation, now: int = NOW + REVIEW) -> list[Goal]:
    due = due_for_review(state(goal), now, REVIEW)
    later = replace(seen, goals=holding(goal), now=now)
    return not_needed(due, wanted_goals(later, CONFIG), later)


@pytest.mark.spec("S1-098")
def test_a_goal_whose_cause_is_gone_is_no_longer_needed() -> None:
    goal = latency_goal()
    assert reviewed(goal, situation({"latency": 150.0})) == [goal]
    assert reviewed(goal, situation({"latency": 150.0}), NOW + REVIEW - 1) == []


def test_what_is_still_needed_or_not_known_stays() -> None:
    goal = latency_goal()
    assert reviewed(goal, situation({"latency": 250.0})) == []
    assert reviewed(goal, situation()) == []
    (bottleneck,) = propose(situation({"cpu": 72.0}, breaches={"cpu": BREACH}), CONFIG)
    standing = situation({"cpu": 60.0}, breaches={"cpu": BREACH})
    assert reviewed(taken(bottleneck), standing) == []
    assert reviewed(taken(bottleneck), situation({"cpu": 85.0})) == []
    assert len(reviewed(taken(bottleneck), situation({"cpu": 60.0}))) == 1


def test_a_pattern_that_is_gone_needs_no_adaptation() -> None:
    seen = situation({"task_efficiency": 1.0}, patterns=[pattern()])
    (goal,) = propose(seen, CONFIG)
    assert reviewed(taken(goal), seen) == []
    assert reviewed(taken(goal), situation({"task_efficiency": 1.0})) == [taken(goal)]


def test_goals_of_users_and_goals_that_were_worked_on_are_not_reviewed() -> None:
    calm = situation({"latency": 150.0, "queue_length": 10.0})
    assert reviewed(admitted(), calm) == []
    running = begin(latency_goal(), NOW)
    assert running is not None
    assert reviewed(running, calm) == []
    released = release(running, NOW)
    assert released is not None
    assert reviewed(released, calm) == []


# -- invariants -----------------------------------------------------------------------------------

METRICS = ["cpu", "api_calls", "latency", "cost", "success_rate", "task_efficiency", "slots"]
values = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(
    st.dictionaries(st.sampled_from(METRICS), values),
    st.lists(values, min_size=1, max_size=24),
    st.lists(values, max_size=24),
    st.lists(st.sampled_from(list(GoalType)), max_size=3),
)
def test_candidates_are_unique_open_and_ahead(
    readings: dict[str, float],
    means: list[float],
    history: list[float],
    held: list[GoalType],
) -> None:
    config = replace(CONFIG, setting=SettingConfig(capacity_metrics={"latency": "slots"}))
    goals = [
        own(goal_id=f"g-{n}", goal_type=kind, target_metric="cpu", dedupe_key=f"k-{n}")
        for n, kind in enumerate(held)
    ]
    seen = situation(
        readings,
        breaches={"cpu": breach("cpu", means)},
        outlook=outlook(demand("cpu", means[0]), demand("api_calls", means[-1], 10_000.0)),
        histories={"success_rate": minutes(*history)},
        forecasts={"latency": forecast(means)},
        patterns=[pattern(), pattern("spike")],
        goals=holding(*goals),
    )
    found = propose(seen, config)
    assert found == propose(seen, config)
    assert len({goal.target_metric for goal in found}) == len(found)
    assert [goal.priority.rank for goal in found] == sorted(goal.priority.rank for goal in found)
    for goal in found:
        assert goal.origin is GoalOrigin.AUTONOMOUS
        assert goal.status is GoalStatus.ACTIVE
        assert goal.deadline is not None
        assert goal.deadline > NOW
        assert goal.dedupe_key
        assert goal.actions


def test_nothing_known_is_no_reason() -> None:
    assert propose(situation(), CoreConfig()) == []
