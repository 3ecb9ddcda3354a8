from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pytest

from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.spikes import standing_out
from streams.records import Event, Pattern, PatternType
from tests.kits.core.patterns import DAY, HOUR, MINUTE, MONDAY, event, feed, of_type


def rush(hours: tuple[int, ...], days: range, size: int = 10, kind: str = "order") -> list[Event]:
    """``size`` events in each of ``hours`` of every day."""
    return [
        event(MONDAY + day * DAY + hour * HOUR + n * 5 * MINUTE, kind)
        for day in days
        for hour in hours
        for n in range(size)
    ]


def elsewhere(days: range, hours: range = range(24), kind: str = "order") -> list[Event]:
    """One event in each hour."""
    return [event(MONDAY + d * DAY + h * HOUR + MINUTE, kind) for d in days for h in hours]


def spikes(events: list[Event], learner: PatternLearner | None = None) -> list[Pattern]:
    found = (learner or PatternLearner()).analyse(events).patterns
    return of_type(found, PatternType.PERIODIC_SPIKE)


@pytest.mark.spec("S1-040")
@pytest.mark.parametrize("others", [range(24), range(12, 13), range(0)])
def test_spikes_at_nine_and_seventeen(others: range) -> None:
    days = range(5)
    (spike,) = spikes(rush((9, 17), days) + elsewhere(days, others))
    assert spike.metadata["spike_hours"] == "9,17"
    assert spike.metadata["event_type"] == "order"
    assert spike.frequency == "daily"
    assert spike.last_occurrence == MONDAY + 4 * DAY + 17 * HOUR + 45 * MINUTE


@pytest.mark.spec("S1-040")
def test_more_than_four_hours_can_be_spikes() -> None:
    hours, days = (1, 4, 8, 12, 16, 20), range(14)
    (spike,) = spikes(rush(hours, days) + elsewhere(days))
    assert spike.metadata["spike_hours"] == "1,4,8,12,16,20"


@pytest.mark.spec("S1-040")
def test_types_are_told_apart() -> None:
    days = range(7)
    found = spikes(rush((9,), days) + rush((17,), days, kind="refund") + elsewhere(days))
    hours = {spike.metadata["event_type"]: spike.metadata["spike_hours"] for spike in found}
    assert hours == {"order": "9", "refund": "17"}


@pytest.mark.spec("S1-040")
def test_hours_are_those_of_the_configured_zone() -> None:
    tokyo = PatternLearner(zone=ZoneInfo("Asia/Tokyo"))
    (spike,) = spikes(rush((9,), range(7)) + elsewhere(range(7)), tokyo)
    assert spike.metadata["spike_hours"] == "18"


@pytest.mark.spec("S1-040")
def test_confidence_grows_with_the_evidence() -> None:
    few, many = (spikes(rush((9,), days) + elsewhere(days))[0] for days in (range(4), range(10)))
    assert 0.7 < few.confidence < many.confidence < 1.0


@pytest.mark.spec("S1-037")
def test_forty_nine_events_are_too_few() -> None:
    events = rush((9,), range(5))
    assert spikes(events[:49]) == []
    assert len(spikes(events)) == 1


def test_one_wild_day_is_no_pattern() -> None:
    days = range(10)
    assert spikes(elsewhere(days) + rush((9,), range(4, 5), size=11)) == []
    assert spikes(elsewhere(days) + rush((9,), range(4, 5), size=11) * 50) == []


def test_evenly_spread_events_have_no_spikes() -> None:
    noise = random.Random(5)
    times = sorted(noise.randrange(60 * DAY) for _ in range(6_000))
    _, news = feed([event(MONDAY + time) for time in times])
    assert of_type(news, PatternType.PERIODIC_SPIKE) == []


def test_rare_events_are_pooled_over_days() -> None:
    noise = random.Random(6)
    days = range(60)
    few = [event(MONDAY + d * DAY + noise.randrange(DAY)) for d in days for _ in range(3)]
    rush_hour = [event(MONDAY + d * DAY + 9 * HOUR + n * MINUTE) for d in days for n in range(2)]
    (spike,) = spikes(few + rush_hour)
    assert spike.metadata["spike_hours"] == "9"


@pytest.mark.spec("S1-047")
def test_a_spike_that_moves_is_replaced() -> None:
    early, late = range(20), range(20, 80)
    events = rush((9,), early) + rush((15,), late) + elsewhere(range(80))
    (spike,) = spikes(events)
    assert spike.metadata["spike_hours"] == "15"


@pytest.mark.spec("S1-047")
def test_three_missed_days_retire_a_spike() -> None:
    events = rush((9,), range(7)) + elsewhere(range(7))
    learner = PatternLearner()
    last = MONDAY + 6 * DAY + 9 * HOUR + 45 * MINUTE
    for now, active in ((last + 3 * DAY - 1, True), (last + 3 * DAY, False)):
        found = of_type(learner.analyse(events, now).patterns, PatternType.PERIODIC_SPIKE)
        assert [spike.active for spike in found] == [active]


def test_a_spike_that_ceases_while_other_hours_go_on_is_retired_once() -> None:
    days = range(60)
    _, news = feed(sorted(rush((9,), range(10)) + elsewhere(days), key=lambda each: each.timestamp))
    assert [s.active for s in of_type(news, PatternType.PERIODIC_SPIKE)] == [True, False]


@pytest.mark.parametrize(
    ("counts", "hours"),
    [
        ([0] * 24, []),
        ([1] * 24, []),
        ([100] * 23 + [130], []),
        ([100] * 23 + [230], [23]),
        ([1] * 9 + [10] + [1] * 14, [9]),
        ([0] * 9 + [3] + [0] * 14, [9]),
        ([1] * 12 + [0] * 12, []),
    ],
)
def test_what_stands_out_is_far_above_a_typical_hour(counts: list[int], hours: list[int]) -> None:
    assert [hour for hour, out in enumerate(standing_out(counts)) if out] == hours
