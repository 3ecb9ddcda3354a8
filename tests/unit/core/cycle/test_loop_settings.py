"""Settings of analyses, patterns and goals, as the whole core obeys them."""

from __future__ import annotations

import pytest

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.patterns.config import PatternConfig
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import GoalStatus, PatternType, PredictionKind, Priority
from tests.kits.core.loop import CPU, HOUR, MINUTE, Loop, config_of, urgent
from tests.kits.core.partition import START, Bench, event

EAGER = ForecastConfig(models=("holt_winters",), horizon=12, interval_ms=HOUR)
RISING = [40 + 3 * i + 0.2 * (-1) ** i for i in range(20)]


def warm(interval_ms: int, **fields: object) -> Loop:
    """A steady metric with enough values for a forecast."""
    forecasting = ForecastConfig(models=("holt_winters",), min_points=5, interval_ms=interval_ms)
    loop = Loop(config_of(forecasting=forecasting, **fields))
    loop.series([40.0 + i % 2 for i in range(120)], MINUTE)
    loop.seen.emissions.clear()
    return loop


@pytest.mark.spec("S1-150")
def test_an_interval_of_a_minute_gives_two_analyses_in_two_minutes() -> None:
    loop = warm(MINUTE)
    loop.series([40.0 + i % 2 for i in range(24)], 5_000)
    assert len(loop.seen.records("forecasts")) == 2


@pytest.mark.spec("S1-151")
def test_there_is_one_timer_for_analyses() -> None:
    loop = warm(CoreConfig().forecasting.interval_ms)
    loop.ask(urgent(30.0, priority=Priority.LOW))
    loop.series([40.0 + i % 2 for i in range(120)], MINUTE)
    assert len(loop.seen.records("forecasts")) == 2
    states = [p for p in loop.seen.records("predictions") if p.kind is PredictionKind.STATE]
    assert len(states) == 2


@pytest.mark.spec("S1-154")
@pytest.mark.parametrize(("least", "found"), [(7, False), (5, True)])
def test_fewer_occurrences_than_asked_for_are_no_pattern(least: int, found: bool) -> None:
    bench = Bench(CoreConfig(patterns=PatternConfig(min_occurrences=least, min_events=1)))
    events = [event(f"e-{i}", event_type="backup", timestamp=START + i * HOUR) for i in range(6)]
    told = bench.send("events", *events).records("patterns")
    assert any(p.pattern_type is PatternType.RECURRING_TASK for p in told) is found


@pytest.mark.spec("S1-156")
def test_without_goal_setting_an_analysis_sets_none() -> None:
    loop = Loop(config_of(goals=GoalConfig(auto_goal_setting=False)))
    loop.series(RISING, HOUR)
    kinds = {p.kind for p in loop.seen.records("predictions")}
    assert PredictionKind.BREACH in kinds
    assert loop.seen.records("goals") == []
    assert loop.asked == []


@pytest.mark.spec("S1-157")
def test_with_room_for_two_goals_a_third_one_displaces_the_least_urgent() -> None:
    loop = Loop(config_of(goals=GoalConfig(max_active_goals=2), actions={}))
    for i, priority in enumerate((Priority.LOW, Priority.HIGH, Priority.MEDIUM)):
        loop.ask(urgent(goal_id=f"g-{i}", target_metric=f"m{i}", priority=priority, actions=()))
    statuses = [loop.goal(f"g-{i}").status for i in range(3)]
    assert statuses == [GoalStatus.CANCELLED, GoalStatus.ACTIVE, GoalStatus.ACTIVE]


def test_the_cap_holds_for_goals_that_the_engine_sets() -> None:
    metrics = {f"cpu{i}": CPU for i in range(3)}
    config = config_of(
        metrics=metrics,
        actions={},
        forecasting=EAGER,
        goals=GoalConfig(max_active_goals=2),
        safety=SafetyConfig(mode=Mode.ACT),
    )
    loop = Loop(config)
    for value in RISING:
        loop.wait(HOUR)
        for name in metrics:
            loop.measure(value, name=name)
    state = loop.bench.state()
    assert len(state.open_goals()) == 2
