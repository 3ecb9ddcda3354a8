"""The windowed score of alarms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.anomalies import NEVER, Labelled, best_threshold, sigmoid, summary
from benchmarks.quality.residual_alarm import QUIET, ResidualAlarm

WINDOW = (500, 599)


def series(
    *alarms: tuple[int, float], windows: tuple[tuple[int, int], ...] = (WINDOW,)
) -> Labelled:
    return Labelled("made up", 1000, windows, alarms)


def score(*alarms: tuple[int, float]) -> float:
    return summary([series(*alarms)], 0.5).score


def test_the_sigmoid_of_the_paper() -> None:
    assert sigmoid(-1.0) == pytest.approx(0.98661, abs=1e-5)
    assert sigmoid(-0.5) == pytest.approx(0.84828, abs=1e-5)
    assert sigmoid(0.0) == 0.0
    assert sigmoid(1.0) == pytest.approx(-0.98661, abs=1e-5)
    assert sigmoid(3.0) == -1.0


def test_one_alarm_at_the_begin_is_perfect_and_none_is_nothing() -> None:
    assert score((500, 1.0)) == pytest.approx(100)
    assert score() == 0.0


def test_only_the_earliest_alarm_of_a_window_counts() -> None:
    assert score((550, 1.0)) == score((550, 1.0), (590, 1.0)) < score((520, 1.0)) < 100
    assert score((599, 1.0)) > 50, "late is better than never"


def test_alarms_outside_cost_less_shortly_after_a_window() -> None:
    before, near, far = score((400, 1.0)), score((605, 1.0)), score((950, 1.0))
    assert before == far == pytest.approx(-5.5)
    assert far < near < 0


def test_the_first_fifteen_percent_do_not_count() -> None:
    assert score((149, 1.0)) == 0.0
    assert score((150, 1.0)) < 0
    long = Labelled("long", 20_000, (), ())
    assert long.probation == 750


def test_a_window_in_the_probation_asks_for_nothing() -> None:
    found = summary([series((500, 1.0), windows=((10, 90), WINDOW))], 0.5)
    assert (found.windows, found.found, found.alarms, found.outside) == (1, 1, 1, 0)
    assert found.score == pytest.approx(100)


def test_series_without_a_window_have_no_score_but_their_alarms_count() -> None:
    assert math.isnan(summary([series(windows=())], 0.5).score)
    calm = series((700, 1.0), windows=())
    assert summary([calm, series((500, 1.0))], 0.5).score == pytest.approx(94.5)


def test_the_threshold_separates_alarms() -> None:
    held = [series((300, 0.6), (500, 0.8), (900, 0.4))]
    assert best_threshold(held) == 0.8
    assert summary(held, 0.8).score == pytest.approx(100)
    assert best_threshold([series((300, 0.9))]) == NEVER


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 999), st.sampled_from([0.2, 0.4, 0.6, 0.8, 1.0])),
            unique_by=lambda alarm: alarm[0],
            max_size=8,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_other_threshold_scores_higher(alarms: list[list[tuple[int, float]]]) -> None:
    held = [series(*sorted(each), windows=(WINDOW, (700, 720))) for each in alarms]
    best = summary(held, best_threshold(held)).score
    for threshold in (0.2, 0.4, 0.6, 0.8, 1.0, NEVER):
        assert summary(held, threshold).score <= best + 1e-9


def test_the_residual_alarm_is_raised_once() -> None:
    alarm = ResidualAlarm()
    scores = [alarm.step(0.0, 50.0 if position == 200 else position % 3) for position in range(320)]
    begins = [position for position, value in enumerate(scores) if value > 0]
    assert begins == [200]
    assert 0.5 < scores[200] <= 1
    assert QUIET == 120
