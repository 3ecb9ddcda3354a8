from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.goals.admission import admit
from streams.core.goals.measurement import cancel, measure
from streams.core.suggestions.config import SuggestionConfig
from streams.core.suggestions.nudge import MetricReading, analyse, nudge
from streams.core.suggestions.registry import create_strategy
from streams.core.suggestions.strategies import Strategy
from streams.records import (
    Action,
    Direction,
    Goal,
    Priority,
    Suggestion,
    SuggestionKind,
    Trend,
)
from tests.kits.core.goals import (
    CONFIG,
    ENTITY,
    NOW,
    action,
    admitted,
    goal,
    numbers,
    state,
)

SIMPLE = create_strategy(SuggestionConfig())
AT_MOST = Direction.AT_MOST


class Offset:
    """A strategy of one's own; named in a test by module and attribute."""

    def __init__(self, config: SuggestionConfig) -> None:
        pass

    def propose(self, metric: str, current: float, target: float) -> float:
        return math.nan if metric == "unknown_to_me" else current + 1.0


def suggest(
    goals: list[Goal],
    asked: Action | None = None,
    strategy: Strategy = SIMPLE,
    **readings: MetricReading,
) -> Suggestion:
    suggestion = nudge(
        asked,
        goals,
        readings,
        strategy,
        strategy_name="simple",
        now=NOW,
        suggestion_id="s-1",
        correlation_id="c-1",
        entity_id=ENTITY,
        entity_type="service",
        confidence=0.8,
    )
    assert suggestion is not None
    return suggestion


def goals_after(*values: float, **fields: Any) -> Goal:
    """A goal that was set before ``values`` were measured."""
    current, previous = admitted(**fields), None
    for value in values:
        current = measure(current, value, previous, NOW) or current
        previous = value
    return current


@pytest.mark.spec("S0-047")
def test_the_analysis_of_a_goal() -> None:
    suggestion = suggest(
        [goals_after(2.0, 4.0)], action(), queue_length=MetricReading(4.0, 2.0, 2.0)
    )
    (found,) = suggestion.analysis
    assert (found.goal, found.current, found.gap) == (10.0, 4.0, 6.0)
    assert (found.baseline, found.progress_ratio) == (2.0, 0.25)
    assert found.trend is Trend.TOWARD_GOAL
    assert suggestion.values == {"queue_length": 7.0}


@pytest.mark.spec("S0-050")
def test_the_baseline_is_the_first_value() -> None:
    found = analyse(goals_after(2.0, 4.0, 6.0), MetricReading(6.0, 4.0, 2.0))
    assert found.baseline == 2.0


def test_the_baseline_of_the_goal_goes_before_that_of_the_series() -> None:
    assert analyse(admitted(4.0), MetricReading(4.0, 2.0, 2.0)).baseline == 4.0
    assert analyse(admitted(), MetricReading(4.0, 2.0, 2.0)).baseline == 2.0


@pytest.mark.spec("S0-031")
def test_the_gap_is_measured_against_the_newest_target() -> None:
    known = admitted(4.0)
    newer = admit(goal(target_value=20.0), state(known), 4.0, NOW, CONFIG)
    assert isinstance(newer, Goal)
    suggestion = suggest([newer], action(), queue_length=MetricReading(4.0))
    assert [found.gap for found in suggestion.analysis] == [16.0]
    assert suggestion.values == {"queue_length": 12.0}


@pytest.mark.spec("S0-036")
def test_a_metric_without_data_gets_no_value() -> None:
    suggestion = suggest([admitted()], action())
    assert (suggestion.values, suggestion.analysis) == ({}, ())
    assert "no data for queue_length" in suggestion.text
    assert suggestion.confidence is None


def test_a_metric_without_data_does_not_hinder_the_others() -> None:
    other = admitted(goal_id="g-2", target_metric="latency")
    suggestion = suggest([admitted(), other], action(), queue_length=MetricReading(4.0))
    assert suggestion.values == {"queue_length": 7.0}
    assert suggestion.goal_ids == ("g-1", "g-2")
    lines = suggestion.text.splitlines()
    assert "try 7" in lines[0]
    assert "no data for latency" in lines[1]
    assert suggestion.confidence == 0.8


@pytest.mark.spec("S0-037", "S0-038")
def test_the_fields_of_the_action_are_copied_through() -> None:
    asked = action(action_id="a-7", params={"note": "before noon", "mood": "tired"})
    suggestion = suggest([admitted(4.0)], asked, queue_length=MetricReading(4.0))
    assert suggestion.action_id == "a-7"
    assert suggestion.params == {"note": "before noon", "mood": "tired"}
    assert suggestion.params is not asked.params


@pytest.mark.spec("S0-039")
def test_every_action_gets_the_same_values() -> None:
    reading = MetricReading(4.0)
    values = [
        suggest([admitted(4.0)], action(action_id=name), queue_length=reading).values
        for name in ("a-1", "a-2")
    ]
    assert values == [{"queue_length": 7.0}] * 2


@pytest.mark.spec("S0-055")
def test_an_action_is_no_measurement() -> None:
    asked = action(params={"queue_length": "9"})
    suggestion = suggest([admitted(4.0)], asked, queue_length=MetricReading(4.0))
    assert suggestion.values == {"queue_length": 7.0}
    assert suggestion.params == {"queue_length": "9"}


def test_without_an_open_goal_there_is_nothing_to_suggest() -> None:
    closed = cancel(admitted(4.0), "", NOW)
    for goals in ([], [closed]):
        assert (
            nudge(
                action(),
                goals,
                {"queue_length": MetricReading(4.0)},
                SIMPLE,
                strategy_name="simple",
                now=NOW,
                suggestion_id="s-1",
                correlation_id="",
                entity_id=ENTITY,
                entity_type="service",
                confidence=None,
            )
            is None
        )


def test_a_suggestion_without_an_action_answers_a_goal() -> None:
    suggestion = suggest([admitted(4.0)], None, queue_length=MetricReading(4.0))
    assert (suggestion.action_id, suggestion.params) == ("", {})
    assert (suggestion.kind, suggestion.source) == (SuggestionKind.NUDGE, "simple")
    assert (suggestion.suggestion_id, suggestion.correlation_id) == ("s-1", "c-1")


def test_a_respected_ceiling_is_no_reason_to_move() -> None:
    ceiling = admitted(50.0, direction=AT_MOST, target_value=80.0)
    suggestion = suggest([ceiling], queue_length=MetricReading(50.0))
    assert suggestion.values == {"queue_length": 50.0}
    assert "stay at 50" in suggestion.text
    over = suggest([ceiling], queue_length=MetricReading(90.0))
    assert over.values == {"queue_length": 85.0}


def test_which_goal_decides_when_several_share_a_metric() -> None:
    low = admitted(goal_id="low", target_value=0.0, priority=Priority.LOW)
    old = admitted(goal_id="old", target_value=10.0, now=NOW)
    new = admitted(goal_id="new", target_value=20.0, now=NOW + 1)
    met = admitted(goal_id="met", priority=Priority.CRITICAL, direction=AT_MOST, target_value=99.0)
    reading = MetricReading(4.0)
    assert suggest([low, old, new, met], queue_length=reading).values == {"queue_length": 12.0}
    suggestion = suggest([new, old, low], queue_length=reading)
    assert suggestion.values == {"queue_length": 12.0}
    assert suggestion.text.count("goal new comes first") == 2
    assert len(suggestion.analysis) == 3


def test_a_strategy_of_ones_own() -> None:
    strategy = create_strategy(SuggestionConfig(strategy=f"{__name__}:Offset"))
    other = admitted(goal_id="g-2", target_metric="unknown_to_me")
    suggestion = suggest(
        [admitted(4.0), other],
        action(),
        strategy,
        queue_length=MetricReading(4.0),
        unknown_to_me=MetricReading(1.0),
    )
    assert suggestion.values == {"queue_length": 5.0}
    assert "the strategy proposes nothing" in suggestion.text


@given(
    st.lists(
        st.builds(
            lambda target, direction, priority: (target, direction, priority),
            numbers,
            st.sampled_from(Direction),
            st.sampled_from(Priority),
        ),
        min_size=1,
        max_size=5,
    ),
    numbers,
)
def test_a_value_never_leaves_the_span_of_current_and_targets(
    wishes: list[tuple[float, Direction, Priority]], current: float
) -> None:
    goals = [
        admitted(goal_id=f"g-{i}", target_value=target, direction=direction, priority=priority)
        for i, (target, direction, priority) in enumerate(wishes)
    ]
    suggestion = suggest(goals, queue_length=MetricReading(current))
    span = [current, *(target for target, _, _ in wishes)]
    assert min(span) <= suggestion.values["queue_length"] <= max(span)
    assert len(suggestion.text.splitlines()) == len(goals)
    for found in suggestion.analysis:
        assert found.progress_ratio is None or 0.0 <= found.progress_ratio <= 1.0
