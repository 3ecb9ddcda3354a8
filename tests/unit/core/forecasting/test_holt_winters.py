import math

import numpy as np
import pytest
from river.time_series import HoltWinters

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.holt_winters import HoltWintersForecaster
from streams.errors import StateError
from streams.testing import check_forecaster
from tests.kits.core.values import noise

CONFIG = ForecastConfig(alpha=0.35, beta=0.15, gamma=0.2)


def make(season: int = 0, **settings: float) -> HoltWintersForecaster:
    forecaster = HoltWintersForecaster(ForecastConfig(season=season, **settings))
    forecaster.resize(2)
    return forecaster


def learn(forecaster: HoltWintersForecaster, values: list[float] | np.ndarray, row: int = 0):
    values = np.asarray(values, dtype=np.float64)
    return forecaster.learn_many(np.full(values.size, row), np.arange(values.size), values)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"season": 1},
        {"season": 24},
        {"season": 3, "alpha": 0.99, "beta": 0.99, "gamma": 0.99},
        {"alpha": 0.01, "beta": 0.01},
    ],
    ids=str,
)
def test_it_keeps_the_contract(settings: dict[str, float]) -> None:
    check_forecaster(lambda: HoltWintersForecaster(ForecastConfig(**settings)))


def test_without_season_it_is_rivers_model_to_the_last_bit() -> None:
    forecaster = HoltWintersForecaster(CONFIG)
    forecaster.resize(1)
    river = HoltWinters(CONFIG.alpha, CONFIG.beta)
    values = 100 + noise(500)
    given = learn(forecaster, values)
    for position, value in enumerate(values.tolist()):
        if position < 2:
            assert math.isnan(given[position])
        else:
            assert given[position] == river.forecast(1)[0]
        river.learn_one(value)
    assert forecaster.forecast(0, 5).tolist() == river.forecast(5)


def test_with_season_it_is_rivers_model_from_other_first_components() -> None:
    season = 4
    values = (50 + np.tile([3.0, -1.0, -4.0, 2.0], 30) + noise(120)).tolist()
    river = HoltWinters(CONFIG.alpha, CONFIG.beta, CONFIG.gamma, season)
    mean = math.fsum(values[:season]) / season
    river.level.append(mean)
    river.trend.append(0.0)
    river.season.extend([value - mean for value in values[:season]])
    river._initialized = True
    forecaster = make(season, alpha=CONFIG.alpha, beta=CONFIG.beta, gamma=CONFIG.gamma)
    given = learn(forecaster, values)
    assert np.isnan(given[:season]).all()
    for position in range(season, len(values)):
        assert given[position] == river.forecast(1)[0]
        river.learn_one(values[position])
    assert forecaster.forecast(0, 9).tolist() == river.forecast(9)


@pytest.mark.parametrize("season", [0, 4])
def test_the_model_of_a_row_goes_on_like_the_row(season: int) -> None:
    forecaster = make(season)
    values = (20 + noise(60)).tolist()
    assert forecaster.model(0) is None
    learn(forecaster, values[:40])
    river = forecaster.model(0)
    assert isinstance(river, HoltWinters)
    for value in values[40:]:
        assert learn(forecaster, [value])[0] == river.forecast(1)[0]
        river.learn_one(value)
    assert forecaster.forecast(0, 9).tolist() == river.forecast(9)


def test_it_is_ready_after_one_season() -> None:
    forecaster = make(24)
    learn(forecaster, np.arange(23.0))
    assert np.isnan(forecaster.forecast(0, 3)).all()
    learn(forecaster, [23.0])
    assert np.isfinite(forecaster.forecast(0, 3)).all()


def test_a_season_around_zero_is_learned() -> None:
    pattern = np.array([1.0, -1.0, 2.0, -2.0])
    forecaster = make(4)
    learn(forecaster, np.tile(pattern, 50))
    np.testing.assert_allclose(forecaster.forecast(0, 8), np.tile(pattern, 2), atol=1e-6)


@pytest.mark.spec("S1-023")
def test_a_daily_wave_with_a_trend_is_forecast_better_than_flat() -> None:
    hours = np.arange(120)
    values = 100 + 0.2 * hours + 10 * np.sin(2 * np.pi * hours / 24)
    forecaster = make(24)
    learn(forecaster, values[:96])
    error = np.abs(forecaster.forecast(0, 24) - values[96:]).mean()
    flat = np.abs(values[95] - values[96:]).mean()
    assert error < flat


def test_a_trend_is_not_believed_beyond_the_range_it_may_double() -> None:
    forecaster = make()
    learn(forecaster, np.arange(100.0))
    forecast = forecaster.forecast(0, 168)
    assert forecast[9] == pytest.approx(109, abs=0.5)
    assert forecast[-1] == 99 + 99


def test_a_constant_is_forecast_exactly() -> None:
    forecaster = make()
    given = learn(forecaster, [0.1] * 50)
    assert set(given[2:].tolist()) == {0.1}
    assert set(forecaster.forecast(0, 24).tolist()) == {0.1}


def test_an_unstable_model_starts_anew() -> None:
    forecaster = make(2, alpha=0.99, beta=0.99, gamma=0.99)
    given = learn(forecaster, noise(20_000))
    assert np.isnan(given).sum() > 2
    assert np.isfinite(given[~np.isnan(given)]).all()


def test_state_of_another_season_has_another_version() -> None:
    assert make(0).state_version != make(24).state_version


@pytest.mark.parametrize("learned", [3, 40])
def test_state_of_another_season_is_refused(learned: int) -> None:
    stored, other = make(24), make(0)
    learn(stored, noise(learned))
    with pytest.raises(StateError, match="wrong length"):
        other.load(0, stored.dump(0))


def test_state_with_a_number_that_is_not_finite_is_refused() -> None:
    forecaster = make()
    learn(forecaster, noise(10))
    held = forecaster._rows[0]
    assert held is not None
    held.level = math.inf
    with pytest.raises(StateError, match="not finite"):
        forecaster.load(1, forecaster.dump(0))


def test_a_state_is_small() -> None:
    forecaster = make()
    learn(forecaster, noise(5000))
    assert len(forecaster.dump(0)) < 80
