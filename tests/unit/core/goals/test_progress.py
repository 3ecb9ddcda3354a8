from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.metric.progress import (
    coerce_number,
    distance,
    is_met,
    progress_ratio,
    signed_gap,
    trend,
)
from streams.records import Direction, Trend
from tests.kits.core.goals import numbers

REACH, AT_MOST, AT_LEAST = Direction.REACH, Direction.AT_MOST, Direction.AT_LEAST
directions = st.sampled_from(Direction)
any_number = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [(" 4.5 ", 4.5), ("-3", -3.0), ("1e3", 1000.0), ("+0", 0.0), ("\t7\n", 7.0)],
)
def test_numeric_text_counts_with_blanks_around_it(text: str, number: float) -> None:
    assert coerce_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "  ", "abc", "4 5", "nan", "inf", "-Infinity", "1e999", "1_0"]
)
def test_other_text_is_no_number(text: str) -> None:
    assert coerce_number(text) is None


@given(st.text())
def test_any_text_gives_a_finite_number_or_none(text: str) -> None:
    number = coerce_number(text)
    assert number is None or math.isfinite(number)


@pytest.mark.spec("S0-052")
def test_progress_is_the_share_of_the_way_that_is_done() -> None:
    assert progress_ratio(200.0, 100.0, 150.0, REACH) == 0.5
    assert progress_ratio(0.0, 10.0, 2.5, REACH) == 0.25


@pytest.mark.parametrize(
    ("baseline", "target", "current", "direction", "ratio"),
    [
        (None, 10.0, 4.0, REACH, None),
        (10.0, 10.0, 10.0, REACH, 1.0),
        (10.0, 10.0, 11.0, REACH, 0.0),
        (0.0, 10.0, 14.0, REACH, 1.0),
        (0.0, 10.0, -3.0, REACH, 0.0),
        (100.0, 80.0, 90.0, AT_MOST, 0.5),
        (100.0, 80.0, 70.0, AT_MOST, 1.0),
        (None, 80.0, 70.0, AT_MOST, 1.0),
        (None, 80.0, 90.0, AT_MOST, None),
        (50.0, 80.0, 90.0, AT_MOST, 0.0),
        (80.0, 80.0, 90.0, AT_MOST, 0.0),
        (0.0, 80.0, 20.0, AT_LEAST, 0.25),
        (90.0, 80.0, 70.0, AT_LEAST, 0.0),
    ],
)
def test_progress_at_the_edges(
    baseline: float | None,
    target: float,
    current: float,
    direction: Direction,
    ratio: float | None,
) -> None:
    assert progress_ratio(baseline, target, current, direction) == ratio


@given(st.none() | any_number, any_number, any_number, directions)
def test_progress_lies_between_0_and_1(
    baseline: float | None, target: float, current: float, direction: Direction
) -> None:
    ratio = progress_ratio(baseline, target, current, direction)
    assert ratio is None or 0.0 <= ratio <= 1.0


@given(numbers, numbers, numbers, directions)
def test_what_is_met_is_done_and_what_is_away_is_not(
    baseline: float, target: float, current: float, direction: Direction
) -> None:
    ratio = progress_ratio(baseline, target, current, direction)
    assert ratio is not None
    if is_met(direction, target, current, baseline) and baseline != target:
        assert ratio == pytest.approx(1.0)
    if distance(direction, target, current) > distance(direction, target, baseline):
        passed = direction is REACH and (current - target) * (target - baseline) > 0
        assert ratio == (1.0 if passed else 0.0)


@pytest.mark.spec("S0-051")
def test_leaving_the_target_is_away_from_the_goal() -> None:
    assert trend(10.0, 12.0, 10.0, REACH) is Trend.AWAY_FROM_GOAL


@pytest.mark.parametrize(
    ("previous", "current", "direction", "expected"),
    [
        (None, 4.0, REACH, Trend.STABLE),
        (4.0, 4.0, REACH, Trend.STABLE),
        (4.0, 6.0, REACH, Trend.TOWARD_GOAL),
        (6.0, 4.0, REACH, Trend.AWAY_FROM_GOAL),
        (9.0, 11.0, REACH, Trend.STABLE),
        (9.0, 12.0, REACH, Trend.AWAY_FROM_GOAL),
        (5.0, 9.0, AT_MOST, Trend.STABLE),
        (14.0, 9.0, AT_MOST, Trend.TOWARD_GOAL),
        (12.0, 20.0, AT_LEAST, Trend.STABLE),
        (12.0, 8.0, AT_LEAST, Trend.AWAY_FROM_GOAL),
    ],
)
def test_trend_is_the_change_of_the_distance(
    previous: float | None, current: float, direction: Direction, expected: Trend
) -> None:
    assert trend(previous, current, 10.0, direction) is expected


def test_changes_within_the_dead_band_are_none() -> None:
    assert trend(4.0, 4.5, 10.0, REACH, dead_band=0.5) is Trend.STABLE
    assert trend(4.0, 4.6, 10.0, REACH, dead_band=0.5) is Trend.TOWARD_GOAL


_REVERSE = {
    Trend.STABLE: Trend.STABLE,
    Trend.TOWARD_GOAL: Trend.AWAY_FROM_GOAL,
    Trend.AWAY_FROM_GOAL: Trend.TOWARD_GOAL,
}
_MIRROR = {REACH: REACH, AT_MOST: AT_LEAST, AT_LEAST: AT_MOST}


@given(numbers, numbers, numbers, directions, st.floats(0, 100))
def test_going_back_is_the_opposite_trend(
    one: float, other: float, target: float, direction: Direction, band: float
) -> None:
    there = trend(one, other, target, direction, band)
    assert trend(other, one, target, direction, band) is _REVERSE[there]


@given(numbers, numbers, numbers, directions, st.floats(0, 100))
def test_falling_metrics_have_the_trend_of_their_mirror_image(
    one: float, other: float, target: float, direction: Direction, band: float
) -> None:
    mirrored = trend(-one, -other, -target, _MIRROR[direction], band)
    assert trend(one, other, target, direction, band) is mirrored


@pytest.mark.parametrize(
    ("direction", "baseline", "current", "met"),
    [
        (REACH, 2.0, 9.9, False),
        (REACH, 2.0, 10.0, True),
        (REACH, 2.0, 10.0 - 1e-12, True),
        (REACH, 2.0, 31.0, True),
        (REACH, 20.0, 10.1, False),
        (REACH, 20.0, 3.0, True),
        (REACH, None, 10.0, True),
        (REACH, None, 11.0, False),
        (REACH, 10.0, 11.0, False),
        (AT_MOST, None, 10.0, True),
        (AT_MOST, 20.0, 10.1, False),
        (AT_LEAST, None, 10.0, True),
        (AT_LEAST, 2.0, 9.9, False),
    ],
)
def test_when_a_target_of_10_is_met(
    direction: Direction, baseline: float | None, current: float, met: bool
) -> None:
    assert is_met(direction, 10.0, current, baseline) is met


@pytest.mark.spec("S0-049")
def test_gap_is_signed() -> None:
    assert signed_gap(10.0, 12.0) == -2.0


@given(any_number, any_number)
def test_gap_is_finite(target: float, current: float) -> None:
    assert math.isfinite(signed_gap(target, current))
