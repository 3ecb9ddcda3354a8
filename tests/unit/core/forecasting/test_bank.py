from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.bank import Learned, SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.errors import ConfigError, StateError, UnknownName
from streams.testing import forecaster_contract as contract
from tests.kits.core.values import noise

LIGHT = ("holt_winters",)
RIVER = ("holt_winters", "snarimax")
DEFAULT = ForecastConfig().models
MINUTE = 60_000


class BankForecaster:
    """A bank seen as one forecaster, for the contract suite."""

    name = "bank"
    state_version = "1"

    def __init__(self, models: tuple[str, ...], min_points: int = 2, season: int = 0) -> None:
        config = ForecastConfig(models=models, min_points=min_points, season=season)
        self.bank = SeriesBank(config)
        self.resize, self.reset, self.dump = self.bank.resize, self.bank.reset, self.bank.dump

    def load(self, row: int, state: bytes) -> None:
        assert self.bank.load(row, state) == []

    def learn_many(self, rows: np.ndarray, timestamps: np.ndarray, values: np.ndarray):
        return self.bank.learn_many(rows, timestamps, values).predicted

    def forecast(self, row: int, horizon: int) -> np.ndarray:
        found = self.bank.forecast(row, horizon, 0.9)
        return np.full(horizon, math.nan) if found is None else found.mean


def make(*models: str, rows: int = 1, **config: float) -> SeriesBank:
    bank = SeriesBank(ForecastConfig(models=models or LIGHT, **config))
    bank.resize(rows)
    return bank


def learn(bank: SeriesBank, values: np.ndarray, row: int = 0, start: int = 0) -> Learned:
    values = np.asarray(values, dtype=np.float64)
    times = MINUTE * np.arange(start, start + values.size)
    return bank.learn_many(np.full(values.size, row), times, values)


# -- contract -------------------------------------------------------------------------------------


@pytest.mark.parametrize("season", [0, 12])
def test_a_bank_of_one_model_keeps_the_forecaster_contract(season: int) -> None:
    contract.check_forecaster(lambda: BankForecaster(LIGHT, season=season), length=200)


@pytest.mark.parametrize("series", contract.series_kinds(), ids=lambda series: series.name)
def test_a_bank_of_two_models_keeps_the_forecaster_contract(series: contract.Series) -> None:
    def factory() -> BankForecaster:
        return BankForecaster(RIVER, min_points=10)

    contract.check_batches(factory, series)
    contract.check_dump(factory, series)
    contract.check_reset(factory, series)
    contract.check_damage(factory, series)


def test_rows_of_a_bank_of_two_models_are_apart() -> None:
    contract.check_rows_apart(lambda: BankForecaster(RIVER), contract.series_kinds())


@pytest.mark.parametrize("models", [LIGHT, RIVER, ("snarimax",)], ids=str)
@pytest.mark.parametrize("series", contract.series_kinds(), ids=lambda series: series.name)
def test_intervals_are_finite_and_never_narrow_with_the_step(
    models: tuple[str, ...], series: contract.Series
) -> None:
    bank = make(*models)
    for position in range(series.values.size):
        part = slice(position, position + 1)
        bank.learn_many(np.zeros(1, np.int64), series.timestamps[part], series.values[part])
        if position < 100 or position % 20:
            continue
        found = bank.forecast(0, 168, 0.99)
        if found is None:  # the regression ran away and has to start anew
            assert models == ("snarimax",)
            continue
        parts = (found.mean, found.lower, found.upper, [found.error, found.coverage])
        assert all(np.isfinite(part).all() for part in parts)
        assert (found.lower <= found.mean).all()
        assert (found.mean <= found.upper).all()
        assert 0 <= found.coverage <= 1


finite = st.floats(allow_nan=False, allow_infinity=False)
records = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2**48), finite), min_size=1, max_size=150
)


@settings(max_examples=60, deadline=None)
@given(records=records, cuts=st.lists(st.integers(0, 150), max_size=12), seed=st.integers(0, 9))
@pytest.mark.parametrize("models", [LIGHT, RIVER, DEFAULT], ids=str)
def test_cuts_and_restarts_change_nothing(
    models: tuple[str, ...],
    records: list[tuple[int, int, float]],
    cuts: list[int],
    seed: int,
) -> None:
    rows, times, values = (np.array(column) for column in zip(*records, strict=True))
    whole = make(*models, rows=4)
    expected = whole.learn_many(rows, times, values)
    current = make(*models, rows=4)
    given: list[Learned] = []
    edges = [0, *sorted(cuts), len(records)]
    for number, (start, stop) in enumerate(pairwise(edges)):
        given.append(current.learn_many(rows[start:stop], times[start:stop], values[start:stop]))
        if (number + seed) % 2:
            stored = [current.dump(row) for row in range(4)]
            current = make(*models, rows=4)
            assert [current.load(row, state) for row, state in enumerate(stored)] == [[]] * 4
    for column, wanted in enumerate(expected):
        found = np.concatenate([learned[column] for learned in given])
        np.testing.assert_array_equal(found, wanted)
    assert [current.dump(row) for row in range(4)] == [whole.dump(row) for row in range(4)]


# -- forecasts ------------------------------------------------------------------------------------


def test_there_is_no_forecast_before_the_least_number_of_points() -> None:
    bank = make(min_points=10)
    learn(bank, noise(9))
    assert bank.forecast(0, 5, 0.9) is None
    assert bank.points(0) == 9
    learn(bank, [0.0])
    found = bank.forecast(0, 5, 0.9)
    assert found is not None
    assert found.points == bank.points(0) == 10


def test_there_is_no_forecast_before_a_model_is_ready() -> None:
    bank = make(season=24, min_points=10)
    learn(bank, noise(20))
    assert bank.forecast(0, 5, 0.9) is None


@pytest.mark.parametrize(
    ("horizon", "level", "field"),
    [(0, 0.9, "horizon"), (5, 0.0, "level"), (5, 1.0, "level"), (5, math.nan, "level")],
)
def test_a_forecast_out_of_range_is_refused(horizon: int, level: float, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make().forecast(0, horizon, level)
    assert caught.value.field == field


def test_a_constant_has_an_interval_of_no_width() -> None:
    for models in (LIGHT, RIVER, DEFAULT):
        for value in (10.0, 0.1, 1e300):
            bank = make(*models)
            learn(bank, np.full(20, value))
            found = bank.forecast(0, 24, 0.95)
            assert found is not None
            expected = [min(value, 1e100)] * 24
            assert [found.mean.tolist(), found.lower.tolist(), found.upper.tolist()] == (
                [expected] * 3
            )
            assert found.error == 0


@pytest.mark.spec("S1-031")
def test_the_level_sets_the_width() -> None:
    bank = make()
    learn(bank, noise(100))
    narrow, wide = bank.forecast(0, 24, 0.8), bank.forecast(0, 24, 0.95)
    assert narrow is not None
    assert wide is not None
    ratio = (narrow.upper - narrow.lower) / (wide.upper - wide.lower)
    np.testing.assert_allclose(ratio, 1.2816 / 1.96, rtol=1e-4)
    assert (np.diff(narrow.upper - narrow.mean) > 0).all()


def test_intervals_hold_what_they_promise_on_normal_noise() -> None:
    for level in (0.5, 0.8, 0.95):
        bank = make(level=level)
        learn(bank, noise(5000))
        found = bank.forecast(0, 1, level)
        assert found is not None
        assert found.coverage == pytest.approx(level, abs=0.08)


@pytest.mark.spec("S1-032")
def test_the_error_is_that_of_forecasts_made_before_each_value() -> None:
    bank = make()
    errors: list[float] = []
    for position, value in enumerate(noise(60).tolist()):
        before = bank.forecast(0, 1, 0.9)
        learned = learn(bank, [value], start=position)
        if before is not None:
            assert learned.predicted[0] == before.mean[0]
        if position >= 2:
            errors.append(abs(value - learned.predicted[0]))
            assert abs(learned.residual[0]) == errors[-1]
    found = bank.forecast(0, 1, 0.9)
    assert found is not None
    assert found.error == pytest.approx(np.mean(errors))


@pytest.mark.spec("S1-034")
@pytest.mark.parametrize("models", [LIGHT, RIVER, DEFAULT], ids=str)
def test_a_level_shift_is_followed_without_retraining(models: tuple[str, ...]) -> None:
    bank = make(*models)
    learned = learn(bank, 10 + 0.5 * noise(300))
    assert not learned.drift.any()
    learned = learn(bank, 500 + 0.5 * noise(200, seed=1), start=300)
    assert learned.drift.any()
    found = bank.forecast(0, 24, 0.95)
    assert found is not None
    np.testing.assert_allclose(found.mean, 500, atol=10)


def test_a_change_of_noise_is_a_drift() -> None:
    learned = learn(make(), np.concatenate([noise(1000), 8 * noise(400, seed=1)]))
    positions = np.flatnonzero(learned.drift)
    assert positions.size >= 1
    assert 1000 <= positions[0] < 1200


def test_forecast_steps_are_as_long_as_the_gaps() -> None:
    bank = make()
    learn(bank, noise(50))
    found = bank.forecast(0, 1440, 0.9)
    assert found is not None
    assert found.step_ms * len(found.mean) == 24 * 3_600_000


# -- several models -------------------------------------------------------------------------------


def test_forecasts_come_from_the_first_model_that_is_ready() -> None:
    bank = make("snarimax", "holt_winters", min_points=2)
    learn(bank, noise(5))
    early = bank.forecast(0, 3, 0.9)
    assert early is not None
    assert early.method == "holt_winters"
    learn(bank, noise(50), start=5)
    later = bank.forecast(0, 3, 0.9)
    assert later is not None
    assert later.method == "snarimax"
    assert later.members == ("snarimax",)


def test_a_model_that_fails_is_left_out_and_not_named() -> None:
    bank = make("snarimax", "holt_winters")
    values = noise(200)
    values[180] = 1e12  # SNARIMAX's regression runs away and it has to start anew
    learn(bank, values[:185])
    found = bank.forecast(0, 3, 0.9)
    assert found is not None
    assert found.method == "holt_winters"
    assert np.isfinite(found.mean).all()


@pytest.mark.spec("S1-073")
@pytest.mark.parametrize("method", DEFAULT)
def test_a_method_that_runs_can_be_asked_for(method: str) -> None:
    bank = make(*DEFAULT)
    learn(bank, noise(100))
    found = bank.forecast(0, 3, 0.9, method)
    assert found is not None
    assert found.method == method


@pytest.mark.spec("S1-024")
@pytest.mark.spec("S1-025")
@pytest.mark.parametrize("method", ["prophet", "lstm", "snarimax", "nonsense"])
def test_a_method_that_does_not_run_is_refused_with_those_that_do(method: str) -> None:
    bank = make(*DEFAULT)
    learn(bank, noise(100))
    with pytest.raises(UnknownName, match="ensemble, holt_winters"):
        bank.forecast(0, 3, 0.9, method)


def test_predictions_are_those_of_the_first_ready_model() -> None:
    values = noise(100)
    learned = learn(make("snarimax", "holt_winters"), values)
    first = learn(make("snarimax"), values).predicted
    ready = ~np.isnan(first)
    np.testing.assert_array_equal(learned.predicted[ready], first[ready])
    fallback = learn(make(), values).predicted
    np.testing.assert_array_equal(learned.predicted[~ready], fallback[~ready])
    np.testing.assert_array_equal(learned.residual, values - learned.predicted)


def test_every_model_keeps_its_error() -> None:
    values = 10 * (-1.0) ** np.arange(400) + 0.1 * noise(400)  # alternates: not one for a level
    bank = make(*DEFAULT)
    learn(bank, values)
    accuracy = bank.accuracy(0)
    assert accuracy.models.keys() == set(DEFAULT)
    assert accuracy.mae is not None
    assert accuracy.models["ensemble"] < accuracy.models["holt_winters"]
    assert accuracy.mae == pytest.approx(accuracy.models["ensemble"], rel=0.2)
    assert accuracy.points == 400


@pytest.mark.spec("S1-133")
def test_learning_has_converged_when_the_errors_have_settled() -> None:
    bank = make()
    assert bank.accuracy(0).convergence is None
    learn(bank, noise(3000))
    settled = bank.accuracy(0).convergence
    assert settled is not None
    assert settled > 0.85
    learn(bank, 10 * noise(100, seed=1), start=3000)
    unsettled = bank.accuracy(0).convergence
    assert unsettled is not None
    assert unsettled < 0.6


# -- what is noticed ------------------------------------------------------------------------------


@pytest.mark.parametrize("models", [LIGHT, DEFAULT], ids=str)
def test_an_outlier_is_one_anomaly(models: tuple[str, ...]) -> None:
    values = 100 + noise(600)
    values[400] = 100 + 12
    learned = learn(make(*models), values)
    assert np.flatnonzero(learned.alarm).tolist() == [400]
    assert learned.score[400] >= ForecastConfig().anomaly_threshold


def test_a_drift_makes_the_weights_anew_a_fixed_number_of_values_later() -> None:
    values = np.concatenate([noise(1000), 8 * noise(400, seed=1)])
    bank = make(*DEFAULT)
    learned = learn(bank, values)
    assert learned.drift[1000:].any()
    one_by_one = make(*DEFAULT)
    for position, value in enumerate(values):
        learn(one_by_one, value.reshape(1), start=position)
    assert one_by_one.dump(0) == bank.dump(0)


def test_the_quality_is_that_of_the_forecast() -> None:
    for models in (LIGHT, DEFAULT):
        bank = make(*models, min_points=10)
        assert bank.quality(0) is None
        learn(bank, noise(9))
        assert bank.quality(0) is None
        learn(bank, noise(200, seed=3), start=9)
        quality, found = bank.quality(0), bank.forecast(0, 5, 0.9)
        assert quality is not None
        assert found is not None
        assert (quality.error, quality.coverage) == (found.error, found.coverage)
        assert quality.confidence == found.confidence
        assert 0.5 < quality.confidence <= 1


# -- rows and state -------------------------------------------------------------------------------


def test_a_row_can_be_used_for_another_series() -> None:
    bank = make(*RIVER, rows=2)
    fresh = bank.dump(1)
    learn(bank, noise(50), row=1)
    bank.reset(1)
    assert bank.dump(1) == fresh
    assert bank.points(1) == 0
    assert bank.forecast(1, 3, 0.9) is None


def test_an_empty_batch_is_learned() -> None:
    learned = learn(make(*RIVER), np.empty(0))
    assert [len(column) for column in learned] == [0] * 6


def test_a_newly_configured_model_starts_anew() -> None:
    bank, other = make(), make(*RIVER)
    learn(bank, noise(50))
    assert other.load(0, bank.dump(0)) == ["snarimax"]
    found = other.forecast(0, 3, 0.9)
    assert found is not None
    assert found.method == "holt_winters"
    assert found.points == 50


def test_a_model_whose_state_has_another_version_starts_anew() -> None:
    bank, other = make(), make(season=4)
    learn(bank, noise(50))
    assert other.load(0, bank.dump(0)) == ["holt_winters"]
    assert other.points(0) == 50
    assert other.forecast(0, 3, 0.9) is None
    learn(other, noise(4), start=50)
    assert other.forecast(0, 3, 0.9) is not None


def test_a_model_no_longer_configured_is_forgotten() -> None:
    bank, other = make(*RIVER), make()
    learn(bank, noise(50))
    alone = make()
    learn(alone, noise(50))
    assert other.load(0, bank.dump(0)) == []
    found, expected = other.forecast(0, 3, 0.9), alone.forecast(0, 3, 0.9)
    assert found is not None
    assert expected is not None
    np.testing.assert_array_equal(found.mean, expected.mean)


def test_drift_detection_starts_anew_after_another_river(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = make()
    learn(bank, noise(50))
    stored = bank.dump(0)
    monkeypatch.setattr("streams.core.forecasting.drift.STATE_VERSION", "river-99")
    other = make()
    assert other.load(0, stored) == ["drift"]
    assert other.forecast(0, 3, 0.9) is not None


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=50, deadline=None)
def test_every_flipped_bit_is_noticed(position: int, bit: int) -> None:
    bank = make(*RIVER)
    learn(bank, noise(50))
    data = bytearray(bank.dump(0))
    data[position % len(data)] ^= 1 << bit
    with pytest.raises(StateError, match="damaged"):
        bank.load(0, bytes(data))
    assert bank.points(0) == 0


def test_a_state_is_small() -> None:
    bank = make()
    learn(bank, noise(1000))
    assert len(bank.dump(0)) < 1800


def test_models_that_do_not_exist_or_come_twice_are_refused() -> None:
    with pytest.raises(UnknownName, match="prophet"):
        make("prophet")
    with pytest.raises(ConfigError, match="twice"):
        make("holt_winters", "streams.core.forecasting.holt_winters:HoltWintersForecaster")
