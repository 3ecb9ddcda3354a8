"""The shipped default as a plain object."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.errors import ConfigError, UnknownName
from streams.testing import as_predictor
from streams.testing.predictor import LEVEL, Z90, ShippedPredictor, largest_tail

STEP = 300.0


def taught(values: list[float], models: tuple[str, ...] | None = None) -> ShippedPredictor:
    predictor = as_predictor(models)
    for position, value in enumerate(values):
        predictor.learn(STEP * position, value)
    return predictor


def wave(length: int, seed: int = 0) -> list[float]:
    noise = np.random.default_rng(seed).standard_normal(length)
    return (50 + 10 * np.sin(2 * np.pi * np.arange(length) / 48) + noise).tolist()


def test_it_answers_before_the_first_value() -> None:
    predictor = as_predictor()
    (mean, low, high), *_ = predictor.forecast(3)
    assert (mean, low, high) == (0.0, -Z90, Z90)
    assert predictor.next() == 0.0
    assert predictor.breach(0.0, 3) == 0.5


def test_one_value_is_repeated_with_a_wide_interval() -> None:
    predictor = taught([8.0])
    steps = predictor.forecast(4)
    assert [step[0] for step in steps] == [8.0] * 4
    assert steps[0][1:] == (8 - 8 * Z90, 8 + 8 * Z90)
    assert steps[3][2] - 8 == pytest.approx(2 * (steps[0][2] - 8))


def test_it_says_what_the_bank_of_a_worker_says() -> None:
    values = wave(120)
    predictor = taught(values)
    bank = SeriesBank(ForecastConfig())
    bank.resize(1)
    rows, times = np.zeros(120, np.int64), np.arange(120) * 1000 * int(STEP)
    bank.learn_many(rows, times, np.array(values))
    found = bank.forecast(0, 30, LEVEL)
    assert found is not None
    expected = list(zip(found.mean, found.lower, found.upper, strict=True))
    assert [tuple(step) for step in predictor.forecast(30)] == expected
    assert predictor.next() == found.mean[0]
    assert predictor.breach(61.0, 24) == bank.breach(0, 61.0, 24, above=True)


def test_a_forecast_changes_nothing() -> None:
    asked, silent = as_predictor(), as_predictor()
    for position, value in enumerate(wave(80)):
        asked.learn(STEP * position, value)
        silent.learn(STEP * position, value)
        asked.forecast(24)
        asked.breach(60.0, 24)
        asked.next()
    assert asked.forecast(24) == silent.forecast(24)


def test_step_learns_and_raises_one_alarm_at_an_outlier() -> None:
    values = wave(400)
    values[300] += 200
    predictor, learner = as_predictor(), taught(values)
    scores = [predictor.step(STEP * position, value) for position, value in enumerate(values)]
    assert scores[300] > 0.6
    assert not any(scores[301:])
    assert max(scores) <= 1
    assert predictor.forecast(24) == learner.forecast(24)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_passed_over(value: float) -> None:
    predictor, other = taught(wave(60)), taught(wave(60))
    assert predictor.step(STEP * 60, value) == 0.0
    assert predictor.forecast(12) == other.forecast(12)


def test_other_models_can_be_named() -> None:
    values = wave(60)
    steps = taught(values, ("holt_winters",)).forecast(5)
    assert steps != taught(values).forecast(5)
    assert len(steps) == 5
    with pytest.raises(UnknownName):
        as_predictor(["no such model"])


def test_a_model_that_is_not_ready_is_stood_in_for() -> None:
    predictor = taught([4.0, 5.0, 6.0], ("snarimax",))
    assert predictor.next() == 6.0
    assert 0 < predictor.breach(20.0, 6) < 0.5


def test_no_step_is_no_forecast() -> None:
    with pytest.raises(ConfigError, match="horizon"):
        taught([1.0, 2.0, 3.0]).forecast(0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12),
    st.floats(-1e6, 1e6),
)
def test_answers_are_finite_and_in_order(values: list[float], threshold: float) -> None:
    predictor = taught(values)
    for mean, low, high in predictor.forecast(30):
        assert all(map(math.isfinite, (mean, low, high)))
        assert low <= high
    assert 0 <= predictor.breach(threshold, 24) <= 1


@given(st.floats(-5, 5), st.floats(0.1, 5), st.floats(0.1, 5), st.floats(-20, 20))
def test_the_largest_tail_is_that_of_the_likeliest_step(
    mean: float, below: float, above: float, threshold: float
) -> None:
    near = (mean, mean - below, mean + above)
    far = (mean, mean - 2 * below, mean + 2 * above)
    alone = [largest_tail([step], threshold) for step in (near, far)]
    assert largest_tail([near, far], threshold) == max(alone)
    assert all(0 <= chance <= 1 for chance in alone)


def test_quantiles_are_read_as_such() -> None:
    step = (10.0, 8.0, 15.0)
    assert largest_tail([step], 15.0) == pytest.approx(0.1)
    assert largest_tail([step], 8.0) == pytest.approx(0.9)
    assert largest_tail([(10.0, 10.0, 10.0)], 9.0) == 1.0
    assert largest_tail([(10.0, 10.0, 10.0)], 10.0) == 0.0
