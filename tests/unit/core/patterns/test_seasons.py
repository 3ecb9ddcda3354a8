from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pytest

from streams.core.patterns.learner import PatternLearner
from streams.records import Event, Pattern, PatternType
from tests.kits.core.patterns import DAY, HOUR, MONDAY, at, event, feed, of_type, spread


def weeks(loads: list[int], days: int, first: int = 0) -> list[Event]:
    """Events of ``days`` days from weekday ``first`` on, ``loads`` per weekday, Monday first."""
    return [
        each
        for day in range(first, first + days)
        for each in spread(MONDAY + day * DAY, loads[day % 7])
    ]


def seasons(events: list[Event], learner: PatternLearner | None = None) -> list[Pattern]:
    found = (learner or PatternLearner()).analyse(events).patterns
    return of_type(found, PatternType.SEASONAL_TREND)


@pytest.mark.spec("S1-041")
@pytest.mark.parametrize("first", range(7))
def test_triple_load_on_mondays(first: int) -> None:
    (season,) = seasons(weeks([30] + [10] * 6, days=14, first=first))
    assert season.metadata["busiest_day"] == "Monday"
    assert season.frequency == "weekly"
    assert season.confidence > 0.7


@pytest.mark.spec("S1-041")
def test_busiest_and_quietest() -> None:
    (season,) = seasons(weeks([20, 20, 60, 20, 20, 20, 4], days=28))
    assert season.description == "busiest on Wednesday, quietest on Sunday"
    assert season.metadata["per_wednesday"] == "60"


@pytest.mark.spec("S1-041")
def test_scatter_lowers_the_confidence() -> None:
    noise = random.Random(1)
    steady = weeks([30] + [10] * 6, days=28)
    wild = [
        each
        for day in range(28)
        for each in spread(MONDAY + day * DAY, (30 if day % 7 == 0 else 10) + noise.randrange(22))
    ]
    assert seasons(wild)[0].confidence < seasons(steady)[0].confidence


@pytest.mark.spec("S1-041")
def test_days_not_yet_seen_do_not_count_as_zero() -> None:
    events = weeks([20] * 7, days=10)
    assert seasons(events) == []
    only_a_few_weekdays = weeks([20, 20, 60, 20, 20, 20, 20], days=9)
    assert all("per_monday" in each.metadata for each in seasons(only_a_few_weekdays))


@pytest.mark.spec("S1-041")
def test_silent_days_between_events_do_count() -> None:
    events = [each for week in range(8) for each in spread(MONDAY + week * 7 * DAY, 20)]
    (season,) = seasons(events)
    assert season.metadata["busiest_day"] == "Monday"
    assert season.metadata["per_sunday"] == "0"


@pytest.mark.spec("S1-037")
def test_ninety_nine_events_are_too_few() -> None:
    loads, days = [45] + [1] * 6, 14
    events = weeks(loads, days)
    assert len(events) == 102
    assert seasons(events[:99]) == []
    assert len(seasons(events)) == 1


def test_even_weeks_have_no_season() -> None:
    noise = random.Random(8)
    times = sorted(noise.randrange(200 * DAY) for _ in range(6_000))
    _, news = feed([event(MONDAY + time) for time in times])
    assert of_type(news, PatternType.SEASONAL_TREND) == []


def test_one_incident_is_no_season() -> None:
    events = weeks([10] * 7, days=28) + [event(MONDAY + 14 * DAY + n) for n in range(500)]
    assert seasons(events) == []


def test_the_zone_decides_what_is_monday() -> None:
    evenings = [
        event(MONDAY + day * DAY + 20 * HOUR + n)
        for day in range(28)
        for n in range(30 if day % 7 == 6 else 10)
    ]
    (utc,) = seasons(evenings)
    (tokyo,) = seasons(evenings, PatternLearner(zone=ZoneInfo("Asia/Tokyo")))
    assert utc.metadata["busiest_day"] == "Sunday"
    assert tokyo.metadata["busiest_day"] == "Monday"


def test_a_season_that_ends_is_retired() -> None:
    events = weeks([30] + [10] * 6, days=28) + [
        each for day in range(28, 280) for each in spread(MONDAY + day * DAY, 10)
    ]
    state, news = feed(events)
    records = of_type(news, PatternType.SEASONAL_TREND)
    assert records[0].active
    assert not records[-1].active
    found = PatternLearner().patterns(state, at(events[-1].timestamp))
    assert [each.active for each in of_type(found, PatternType.SEASONAL_TREND)] == [False]


def test_a_long_silence_starts_the_count_over() -> None:
    later = [each for day in range(400, 421) for each in spread(MONDAY + day * DAY, 20)]
    found = seasons(weeks([30] + [10] * 6, days=28) + later)
    assert [each.active for each in found] == [False]
