"""Errors of predictions, and the replay that asks before it tells."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.evaluation import (
    Accuracy,
    Evaluation,
    Plan,
    accuracy,
    evaluate,
    pinball_loss,
)
from streams.errors import ConfigError, UnknownName
from tests.kits.core.values import noise

MINUTE = 60_000
LIGHT = ForecastConfig(models=("holt_winters",))


class Noticed(NamedTuple):
    alarm: np.ndarray


class Flat(NamedTuple):
    method: str
    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class LastValue:
    """A bank that repeats the newest value, one wide on either side, and alarms above 100."""

    def __init__(self) -> None:
        self.learned: list[float] = []
        self.asked: list[int] = []

    def learn_many(self, rows: np.ndarray, timestamps: np.ndarray, values: np.ndarray) -> Noticed:
        assert (rows == 3).all()
        self.learned += values.tolist()
        return Noticed(values > 100)

    def forecast(self, row: int, horizon: int, level: float, method: str = "") -> Flat | None:
        self.asked.append(len(self.learned))
        mean = np.full(horizon, self.learned[-1])
        return Flat("last", mean, mean - 1, mean + 1)

    def step_ms(self, row: int) -> int:
        return MINUTE


def times(size: int) -> np.ndarray:
    return MINUTE * np.arange(size)


def replay(values: np.ndarray, plan: Plan, config: ForecastConfig = LIGHT) -> Evaluation:
    bank = SeriesBank(config)
    bank.resize(1)
    return evaluate(bank, 0, times(values.size), values, plan)


# -- accuracy -------------------------------------------------------------------------------------


@pytest.mark.spec("S1-033")
def test_the_errors_are_those_of_the_steps_that_have_both() -> None:
    found = accuracy([1.0, 2.0, 5.0, 9.0], [2.0, 0.0, 4.0])
    assert found.horizon_evaluated == 3
    assert found.mae == pytest.approx(4 / 3)
    assert found.rmse == pytest.approx(math.sqrt(2))
    assert found.mape == pytest.approx(100 * (1 / 2 + 1 / 4) / 2)


@pytest.mark.spec("S1-033")
def test_after_nothing_but_zeros_there_is_no_mape_but_an_mae() -> None:
    assert accuracy([1.0, 3.0], [0.0, 0.0]) == Accuracy(2.0, math.sqrt(5), None, 2)


@pytest.mark.spec("S1-033")
@pytest.mark.parametrize(
    ("predictions", "actuals"),
    [([], []), ([1.0], []), ([], [1.0]), ([math.nan, 1.0], [1.0, math.inf])],
)
def test_without_overlap_there_are_no_errors(
    predictions: list[float], actuals: list[float]
) -> None:
    assert accuracy(predictions, actuals) == Accuracy(None, None, None, 0)


def test_errors_of_any_size_have_a_finite_root_mean_square() -> None:
    for size in (1e-200, 1e300):
        found = accuracy([3 * size, -4 * size], [0.0, 0.0])
        assert found.rmse == pytest.approx(math.sqrt(12.5) * size)


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=1))
def test_the_mean_error_is_never_larger_than_the_squared_one(
    pairs: list[tuple[float, float]],
) -> None:
    predictions, actuals = zip(*pairs, strict=True)
    found = accuracy(predictions, actuals)
    assert found.mae is not None
    assert found.rmse is not None
    assert found.mae <= found.rmse * (1 + 1e-9)
    assert accuracy(actuals, predictions).mae == found.mae


# -- replay ---------------------------------------------------------------------------------------


def test_every_value_is_learned_and_forecasts_are_asked_for_at_the_pace() -> None:
    bank = LastValue()
    values = np.arange(100.0) + 5
    found = evaluate(bank, 3, times(100), values, Plan(horizons=(1, 12), warm_up=0.15, every=8))
    assert bank.learned == values.tolist()
    assert bank.asked == list(range(15, 100, 8))
    near, far = found.forecasts
    assert near.targets.tolist() == bank.asked
    assert far.targets.tolist() == [asked + 11 for asked in bank.asked if asked + 11 < 100]
    assert found.alarms.tolist() == [96, 97, 98, 99]
    assert (found.points, found.step_ms, found.methods) == (100, MINUTE, ("last",))


def test_the_scores_of_repeating_the_last_value_are_known() -> None:
    values = np.arange(100.0) + 5
    found = evaluate(LastValue(), 3, times(100), values, Plan(horizons=(1, 12), level=0.8))
    near, far = found.scores
    assert (near.mae, near.rmse, near.mase, near.coverage) == (1.0, 1.0, 1.0, 1.0)
    assert (far.mae, far.rmse, far.mase, far.coverage) == (12.0, 12.0, 1.0, 0.0)
    assert near.pinball == pytest.approx((0.1 * 2 + 0) / 2)
    assert far.pinball == pytest.approx((0.1 * 13 + 0.9 * 11) / 2)


def test_a_constant_has_no_error_relative_to_naive() -> None:
    (found,) = replay(np.zeros(100), Plan(horizons=(1,))).scores
    assert (found.mae, found.mape, found.mase, found.coverage) == (0.0, None, None, 1.0)


@pytest.mark.spec("S1-032")
def test_each_error_is_that_of_a_forecast_made_before_the_value() -> None:
    values = noise(200)
    plan = Plan(horizons=(1,), every=1, warm_up=0.1)
    whole = replay(values, plan).forecasts[0]
    bank = SeriesBank(LIGHT)
    bank.resize(1)
    expected: list[float] = []
    for position, value in enumerate(values):
        before = bank.forecast(0, 1, 0.8)
        if position >= 20 and before is not None:
            expected.append(abs(value - before.mean[0]))
        bank.learn_many(np.zeros(1, np.int64), times(200)[[position]], values[[position]])
    np.testing.assert_array_equal(np.abs(whole.actual - whole.mean), expected)


@pytest.mark.spec("S1-032")
def test_what_comes_later_changes_no_earlier_forecast() -> None:
    values = noise(300)
    other = values.copy()
    other[150:] += 1000
    plan = Plan(horizons=(1, 12), every=4)
    for found, changed in zip(
        replay(values, plan).forecasts, replay(other, plan).forecasts, strict=True
    ):
        made = found.targets - found.horizon < 150
        assert made.any()
        np.testing.assert_array_equal(found.mean[made], changed.mean[made])
        np.testing.assert_array_equal(found.upper[made], changed.upper[made])


def test_intervals_of_noise_hold_their_share() -> None:
    found = replay(noise(3000), Plan(horizons=(1,), every=2)).scores[0]
    assert found.coverage == pytest.approx(0.8, abs=0.05)
    assert found.mase is not None
    assert found.mase < 0.95  # the best forecast of noise has an error of 0.71


def test_a_series_too_short_for_a_horizon_has_no_score_there() -> None:
    for size in (0, 1, 15, 40):
        found = replay(noise(size), Plan(horizons=(1, 72)))
        assert found.points == size
        assert found.scores[1].forecasts == 0
        assert found.scores[1].mae is None
        assert found.scores[1].pinball is None


def test_a_method_is_asked_by_its_name() -> None:
    config = ForecastConfig(models=("holt_winters", "snarimax"))
    found = replay(noise(200), Plan(horizons=(1,), method="snarimax"), config)
    assert found.methods == ("snarimax",)
    with pytest.raises(UnknownName):
        replay(noise(200), Plan(horizons=(1,), method="nonsense"), config)


def test_the_loss_is_least_at_the_quantile() -> None:
    values = noise(2000, seed=2)
    losses = {
        quantile: pinball_loss(np.full(2000, quantile), values, 0.9).mean()
        for quantile in (0.9, 1.28, 1.7)
    }
    assert min(losses, key=losses.__getitem__) == 1.28


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizons", ()),
        ("horizons", (0, 1)),
        ("horizons", (12, 1)),
        ("horizons", (1, 1)),
        ("warm_up", 1.0),
        ("warm_up", -0.1),
        ("every", 0),
        ("level", 1.0),
        ("level", math.nan),
    ],
)
def test_a_plan_out_of_range_is_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan(**{field: value})
    assert caught.value.field == field
