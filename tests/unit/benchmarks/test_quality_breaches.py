"""When breaches are asked for, how answers are ranked, how true they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.breaches import (
    BINS,
    HORIZON,
    QUIET_STEPS,
    Answers,
    average_precision,
    question,
    reliability,
    summary,
)


def answers(*pairs: tuple[float, bool]) -> Answers:
    return Answers(np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs]))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=120), st.integers(1, 40))
def test_the_question_by_its_definition(numbers: list[int], warm_up: int) -> None:
    values = np.array(numbers, float)
    found = question(values, warm_up)
    assert found.threshold == np.percentile(values, 97)
    for position in range(len(values)):
        before = values[max(position + 1 - QUIET_STEPS, 0) : position + 1]
        eligible = (
            position + 1 >= max(warm_up, QUIET_STEPS)
            and position + HORIZON < len(values)
            and not (before > found.threshold).any()
        )
        assert found.eligible[position] == eligible
        after = values[position + 1 : position + 1 + HORIZON]
        assert found.outcome[position] == (after > found.threshold).any()


def test_average_precision() -> None:
    assert average_precision(answers((0.9, True), (0.8, True), (0.1, False))) == 1.0
    assert average_precision(answers((0.9, False), (0.8, True))) == 0.5
    ranked = answers((0.9, True), (0.8, False), (0.7, True), (0.6, False))
    assert average_precision(ranked) == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(average_precision(answers((0.9, False))))


def test_equal_probabilities_have_no_order() -> None:
    for pairs in ([(0.5, True), (0.5, False)], [(0.5, False), (0.5, True)]):
        assert average_precision(answers(*pairs)) == 0.5


def test_true_probabilities_have_no_calibration_error() -> None:
    true = answers(*[(0.25, True)] * 25, *[(0.25, False)] * 75, *[(1.0, True)] * 100)
    found = summary([true])
    assert found.calibration_error == pytest.approx(0)
    assert found.brier == pytest.approx(0.25 * 0.75 / 2)
    assert found.brier_base == pytest.approx((125 / 200) * (75 / 200))
    assert [each.answers for each in found.bins] == [0, 0, 100, 0, 0, 0, 0, 0, 0, 100]


def test_false_probabilities_have_one() -> None:
    found = summary([answers((0.0, True)), answers((1.0, False))])
    assert found.calibration_error == 1.0
    assert found.brier == 1.0
    assert found.series == 1, "nothing happened in the other one"


def test_the_bins_hold_every_answer() -> None:
    probability = np.linspace(0, 1, 101)
    bins = reliability(probability, probability > 0.5)
    assert len(bins) == BINS
    assert sum(each.answers for each in bins) == 101
    assert bins[0].frequency == 0
    assert bins[-1].frequency == 1


def test_no_series_no_figure() -> None:
    assert math.isnan(summary([]).average_precision)
