from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.patterns.detector import every as in_words
from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.recurring import WINDOW
from streams.records import Event, Pattern, PatternType
from tests.kits.core.patterns import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    at,
    dump,
    event,
    every,
    feed,
    of_type,
)


def tasks(records: list[Pattern]) -> list[Pattern]:
    return of_type(records, PatternType.RECURRING_TASK)


def analysed(events: list[Event], now: int | None = None) -> list[Pattern]:
    return tasks(list(PatternLearner().analyse(events, now).patterns))


def after(*gaps: int, start: int = MONDAY) -> list[Event]:
    """Events with these gaps between them."""
    events = [event(start)]
    for gap in gaps:
        events.append(event(events[-1].timestamp + gap))
    return events


@pytest.mark.spec("S1-038")
def test_ten_hourly_events_recur_every_hour() -> None:
    (task,) = analysed(every(HOUR, 10))
    assert task.frequency == "every 1 hours"
    assert task.confidence == 1.0
    assert task.occurrences == 10


@pytest.mark.spec("S1-038")
@pytest.mark.parametrize(
    ("period", "frequency"),
    [
        (90_000, "every 1.5 minutes"),
        (59 * MINUTE, "every 59 minutes"),
        (HOUR, "every 1 hours"),
        (23 * HOUR, "every 23 hours"),
        (DAY, "every 1 days"),
        (400 * DAY, "every 400 days"),
    ],
)
def test_frequency_is_in_minutes_hours_or_days(period: int, frequency: str) -> None:
    assert in_words(period) == frequency
    assert analysed(every(period, 10))[0].frequency == frequency


@pytest.mark.spec("S1-038")
def test_confidence_is_one_less_the_variation_of_the_gaps() -> None:
    gaps = [50, 60, 70, 55, 65, 60, 75, 48, 61]
    (task,) = analysed(after(*(gap * MINUTE for gap in gaps)))
    variation = statistics.stdev(gaps) / statistics.mean(gaps)
    assert task.confidence == pytest.approx(1 - variation)


@pytest.mark.spec("S1-038")
def test_four_occurrences_are_too_few() -> None:
    others = [event(MONDAY + n * n * MINUTE, f"other-{n}") for n in range(10)]
    assert analysed(every(HOUR, 4) + others) == []
    assert len(analysed(every(HOUR, 5) + others)) == 1


@pytest.mark.spec("S1-038")
def test_irregular_events_do_not_recur() -> None:
    assert analysed(after(*(gap * MINUTE for gap in (10, 90, 20, 80, 15, 70, 30, 95, 5)))) == []


@pytest.mark.spec("S1-039")
def test_next_occurrence_is_one_mean_gap_after_the_last() -> None:
    (task,) = analysed(every(HOUR, 10))
    assert task.last_occurrence == MONDAY + 9 * HOUR
    assert task.next_occurrence == MONDAY + 10 * HOUR


@pytest.mark.spec("S1-047")
def test_a_task_that_stopped_for_three_periods_is_retired() -> None:
    events, last = every(HOUR, 10), MONDAY + 9 * HOUR
    (alive,) = analysed(events, last + 3 * HOUR - 1)
    (gone,) = analysed(events, last + 3 * HOUR)
    assert alive.active
    assert not gone.active
    assert gone.next_occurrence is None
    assert gone.pattern_id == alive.pattern_id


@pytest.mark.spec("S1-047")
def test_retirement_is_reported_once_by_a_sweep() -> None:
    learner = PatternLearner()
    state, _ = feed(every(HOUR, 10), learner)
    last = MONDAY + 9 * HOUR
    assert learner.sweep(state, at(last + 2 * HOUR)) == []
    (gone,) = learner.sweep(state, at(last + 3 * HOUR))
    assert not gone.active
    assert gone.timestamp == last + 3 * HOUR
    assert learner.sweep(state, at(last + 4 * HOUR)) == []


@pytest.mark.spec("S1-047")
def test_events_of_other_types_retire_it_too() -> None:
    state, _ = feed(every(HOUR, 10))
    _, news = feed([event(MONDAY + 13 * HOUR, "deploy")], state=state)
    assert [task.active for task in tasks(news)] == [False]


def test_a_sweep_before_each_event_changes_nothing() -> None:
    events = every(HOUR, 12) + every(HOUR, 12, start=MONDAY + 2 * DAY)
    plain, news = feed(events)
    learner, (swept, told) = PatternLearner(), feed([])
    for each in events:
        told += learner.sweep(swept, at(each.timestamp)) + learner.on_event(swept, each)
    assert dump(swept) == dump(plain)
    assert told == news


def test_a_task_that_comes_back_has_to_show_its_rhythm_again() -> None:
    _, news = feed(every(HOUR, 24) + every(HOUR, 24, start=MONDAY + 4 * DAY))
    states = [(task.active, task.timestamp - MONDAY) for task in tasks(news)]
    assert states == [(True, 9 * HOUR), (False, 4 * DAY), (True, 4 * DAY + 4 * HOUR)]


def test_bursts_are_not_a_rhythm() -> None:
    bursts = [each for n in range(50) for each in every(MINUTE, 10, start=MONDAY + n * DAY)]
    state, news = feed(bursts)
    assert [task.active for task in tasks(news)] == [True, False]
    (task,) = tasks(PatternLearner().patterns(state, at(MONDAY + 49 * DAY + 9 * MINUTE)))
    assert not task.active


def test_a_new_rhythm_is_followed() -> None:
    change = MONDAY + 99 * HOUR
    events = every(HOUR, 100) + every(2 * HOUR, 120, start=change + 2 * HOUR)
    state, news = feed(events)
    (task,) = tasks(PatternLearner().patterns(state, at(events[-1].timestamp)))
    assert task.frequency == "every 2 hours"
    assert len(news) < 10


def test_only_news_is_reported() -> None:
    _, news = feed(every(HOUR, 1_000))
    assert len(tasks(news)) == 1


def test_jitter_does_not_make_news() -> None:
    noise = random.Random(3)
    events = [event(MONDAY + n * HOUR + noise.randrange(10 * MINUTE)) for n in range(1_000)]
    _, news = feed(events)
    assert len(tasks(news)) <= 3


def test_late_and_equal_events_leave_the_rhythm_alone() -> None:
    events = every(HOUR, 30)
    late = [each for n in range(0, 30, 3) for each in (events[n], event(events[n].timestamp - 7))]
    mixed = sorted(
        [(each.timestamp + 9, each) for each in late] + [(e.timestamp, e) for e in events],
        key=lambda item: item[0],
    )
    state, _ = feed([each for _, each in mixed])
    (task,) = tasks(PatternLearner().patterns(state, at(events[-1].timestamp)))
    assert task.confidence == 1.0
    assert task.occurrences == 50


def test_one_event_from_the_future_does_no_lasting_harm() -> None:
    events = every(HOUR, 48)
    events.insert(20, event(MONDAY + 3_650 * DAY))
    state, _ = feed(events)
    (task,) = tasks(PatternLearner().patterns(state, at(events[-1].timestamp)))
    assert task.active
    assert task.next_occurrence == MONDAY + 48 * HOUR


@given(st.lists(st.integers(1, 10**9), min_size=4, max_size=WINDOW))
def test_the_variation_of_few_gaps_is_exact(gaps: list[int]) -> None:
    padding = [event(MONDAY - n, f"other-{n}") for n in range(10, 0, -1)]
    variation = statistics.stdev(gaps) / statistics.mean(gaps)
    state, _ = feed(padding + after(*gaps))
    found = tasks(PatternLearner().patterns(state, at(MONDAY)))
    if variation < 0.3 - 1e-9:
        assert found[0].confidence == pytest.approx(1 - variation)
    if variation > 0.4 + 1e-9:
        assert not any(task.active for task in found)
