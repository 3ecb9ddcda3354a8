"""When plans are due."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.planning.config import PlanningConfig
from streams.core.planning.schedule import choose_strategy, due_time
from streams.records import Goal, GoalType, Priority, Strategy, SystemState
from tests.kits.core.planning import DAY, HOUR, MINUTE, NOW, goal

CONFIG = PlanningConfig()


def due(strategy: Strategy, of: Goal | None = None, now: int = NOW, **fields: Any) -> int:
    base: dict[str, Any] = {
        "state": None,
        "load": (),
        "avoid_hours": frozenset(),
        "config": CONFIG,
    }
    return due_time(strategy, of or goal(), now, **(base | fields))


def daily_load(hours: int = 48, trough: int = 4) -> list[tuple[int, float]]:
    """Load per hour from the next hour on, lowest at ``trough`` o'clock."""
    return [
        (NOW + ahead * HOUR, 100 - 50 * math.cos(2 * math.pi * (ahead - trough) / 24))
        for ahead in range(1, hours + 1)
    ]


@pytest.mark.spec("S1-102")
def test_a_critical_goal_is_due_now() -> None:
    critical = goal(priority=Priority.CRITICAL, deadline=NOW + 4 * HOUR)
    strategy = choose_strategy(critical, {}, False)
    busy = {"load": daily_load(), "avoid_hours": frozenset(range(24))}
    assert strategy is Strategy.IMMEDIATE
    assert due(strategy, critical, state=SystemState.OPTIMAL, **busy) == NOW


@pytest.mark.spec("S1-103")
def test_capacity_planning_waits_for_the_daily_trough_before_the_deadline() -> None:
    capacity = goal(goal_type=GoalType.CAPACITY_PLANNING, deadline=NOW + DAY)
    strategy = choose_strategy(capacity, {}, False)
    load = daily_load(trough=14)
    moment = due(strategy, capacity, load=load)
    assert strategy is Strategy.SCHEDULED
    assert NOW + 12 * HOUR <= moment <= NOW + 16 * HOUR
    assert dict(load)[moment] <= 50 + 0.1 * 100


def test_a_trough_behind_the_deadline_is_too_late() -> None:
    tight = goal(deadline=NOW + 6 * HOUR)
    load = daily_load(trough=14)
    moment = due(Strategy.SCHEDULED, tight, load=load)
    allowed = [pair for pair in load if pair[0] <= NOW + 6 * HOUR]
    assert moment == min(allowed, key=lambda pair: pair[1])[0]
    exact = due(Strategy.SCHEDULED, tight, load=load, config=PlanningConfig(low_load_share=0))
    assert exact == moment


def test_the_whole_run_of_the_plan_has_to_be_quiet_and_in_time() -> None:
    load = [(NOW + HOUR, 1.0), (NOW + 2 * HOUR, 9.0), (NOW + 3 * HOUR, 2.0), (NOW + 4 * HOUR, 2.0)]
    in_time = goal(deadline=NOW + 4 * HOUR)
    assert due(Strategy.SCHEDULED, in_time, load=load) == NOW + HOUR
    moment = due(Strategy.SCHEDULED, in_time, load=load, duration_ms=HOUR)
    assert moment == NOW + 3 * HOUR


def test_scheduled_without_a_known_load_waits_a_little() -> None:
    past = [(NOW - HOUR, 1.0), (NOW + HOUR, math.nan)]
    assert due(Strategy.SCHEDULED) == NOW + 5 * MINUTE
    assert due(Strategy.SCHEDULED, load=past) == NOW + 5 * MINUTE


def test_a_flat_load_has_no_better_moment_than_the_first() -> None:
    load = [(NOW + ahead * HOUR, 0.1 + 0.2) for ahead in range(1, 5)]
    assert due(Strategy.SCHEDULED, load=load) == NOW + HOUR


def test_adaptive_is_the_sooner_the_worse_the_state() -> None:
    worst_last = [
        SystemState.OPTIMAL,
        SystemState.HEALTHY,
        SystemState.DEGRADED,
        SystemState.CRITICAL,
    ]
    moments = [due(Strategy.ADAPTIVE, state=state) for state in worst_last]
    assert moments == [NOW + 4 * MINUTE, NOW + 2 * MINUTE, NOW + MINUTE, NOW]
    assert due(Strategy.ADAPTIVE, state=SystemState.OVERLOADED) == NOW


@pytest.mark.parametrize("state", [None, SystemState.UNKNOWN])
def test_an_unknown_state_counts_as_healthy(state: SystemState | None) -> None:
    assert due(Strategy.ADAPTIVE, state=state) == NOW + 2 * MINUTE
    assert due(Strategy.COLLABORATIVE, state=state) == NOW + 2 * MINUTE


@pytest.mark.parametrize("strategy", [Strategy.ADAPTIVE, Strategy.SCHEDULED])
def test_hours_to_avoid_are_left_out(strategy: Strategy) -> None:
    nine = NOW + 9 * HOUR
    assert due(strategy, now=nine, avoid_hours=frozenset({9, 10})) == NOW + 11 * HOUR
    load = [(NOW + hour * HOUR, float(abs(hour - 9))) for hour in range(24)]
    moment = due(Strategy.SCHEDULED, load=load, avoid_hours=frozenset({8, 9}))
    assert moment in (NOW + 7 * HOUR, NOW + 10 * HOUR)


def test_an_hour_to_avoid_is_better_than_too_late_or_never() -> None:
    soon = goal(deadline=NOW + 30 * MINUTE)
    every = frozenset(range(24))
    assert due(Strategy.ADAPTIVE, soon, avoid_hours=frozenset({0})) == NOW + 2 * MINUTE
    assert due(Strategy.ADAPTIVE, avoid_hours=every) == NOW + 2 * MINUTE
    assert due(Strategy.SCHEDULED, load=daily_load(4), avoid_hours=every) == NOW + 4 * HOUR


def test_an_urgent_state_waits_for_no_hour() -> None:
    moment = due(Strategy.ADAPTIVE, state=SystemState.CRITICAL, avoid_hours=frozenset({0}))
    assert moment == NOW


def test_a_deadline_that_has_passed_means_now() -> None:
    late = goal(deadline=NOW - HOUR)
    for strategy in Strategy:
        assert due(strategy, late, load=daily_load()) == NOW


@given(
    st.sampled_from(Strategy),
    st.none() | st.integers(-2 * HOUR, 3 * DAY),
    st.none() | st.sampled_from(SystemState),
    st.lists(st.tuples(st.integers(-HOUR, 2 * DAY), st.floats()), max_size=12),
    st.frozensets(st.integers(0, 23)),
    st.integers(0, 2 * HOUR),
)
def test_a_plan_is_due_neither_before_now_nor_too_late_for_the_deadline(
    strategy: Strategy,
    ahead: int | None,
    state: SystemState | None,
    load: list[tuple[int, float]],
    avoid: frozenset[int],
    duration: int,
) -> None:
    moment = due(
        strategy,
        goal(deadline=None if ahead is None else NOW + ahead),
        state=state,
        load=[(NOW + offset, value) for offset, value in load],
        avoid_hours=avoid,
        duration_ms=duration,
    )
    assert moment >= NOW
    if ahead is not None:
        assert moment <= max(NOW, NOW + ahead - duration)
