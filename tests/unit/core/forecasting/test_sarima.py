import numpy as np
import pytest
from river.time_series import SNARIMAX

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.holt_winters import HoltWintersForecaster
from streams.core.forecasting.protocol import Forecaster, ForecasterFactory
from streams.core.forecasting.snarimax import SarimaForecaster
from streams.core.forecasting.snarimax_model import regressor
from streams.errors import StateError
from streams.testing import check_forecaster

HOUR_MS = 3_600_000


def make(**settings: int) -> SarimaForecaster:
    forecaster = SarimaForecaster(ForecastConfig(**settings))
    forecaster.resize(1)
    return forecaster


def learn(forecaster: Forecaster, values: np.ndarray) -> np.ndarray:
    hours = HOUR_MS * np.arange(values.size)
    return forecaster.learn_many(np.zeros(values.size, np.int64), hours, values)


def days(size: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Hourly values: a sine a day and a trend."""
    hours = np.arange(size)
    steady = 50 + 10 * np.sin(2 * np.pi * hours / 24) + 0.1 * hours
    return steady + noise * np.random.default_rng(seed).standard_normal(size)


@pytest.mark.parametrize(
    ("settings", "length"), [({}, 120), ({"season": 7, "difference": 2}, 50)], ids=str
)
def test_it_keeps_the_contract(settings: dict[str, int], length: int) -> None:
    check_forecaster(lambda: SarimaForecaster(ForecastConfig(**settings)), length=length)


@pytest.mark.spec("S1-023")
@pytest.mark.parametrize("noise", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("kind", [SarimaForecaster, HoltWintersForecaster])
def test_a_daily_season_with_trend_is_forecast_better_than_flat(
    kind: ForecasterFactory, noise: float
) -> None:
    values = days(120, noise)
    forecaster = kind(ForecastConfig(season=24))
    forecaster.resize(1)
    learn(forecaster, values[:96])
    error = np.abs(forecaster.forecast(0, 24) - values[96:]).mean()
    assert error < 0.8 * np.abs(values[95] - values[96:]).mean()


@pytest.mark.parametrize(("season", "difference"), [(24, 1), (5, 2), (3, 3), (4, 0), (1, 1)])
def test_it_is_rivers_model_on_values_in_units_to_the_last_bit(
    season: int, difference: int
) -> None:
    forecaster = make(season=season, difference=difference)
    d = max(0, difference - 1)
    river = SNARIMAX(2, d, 1, season, sd=1, sq=1, regressor=regressor())
    values = days(300, noise=1.0)
    warm_up = forecaster._warm_up_values
    center = sum(values[:warm_up].tolist()) / warm_up
    unit = (sum((value - center) ** 2 for value in values[:warm_up].tolist()) / warm_up) ** 0.5
    given = learn(forecaster, values)
    assert np.isnan(given[:warm_up]).all()
    exact = 0
    for position, value in enumerate(values.tolist()):
        if position >= warm_up:
            exact += given[position] == river.forecast(1)[0] * unit + center
        river.learn_one((value - center) / unit)
    # the others were clipped to the range of the values
    assert exact > 0.95 * (values.size - warm_up)
    width = np.ptp(values)
    expected = np.array(river.forecast(30)) * unit + center
    np.testing.assert_array_equal(
        forecaster.forecast(0, 30), expected.clip(values.min() - width, values.max() + width)
    )


def test_it_needs_two_seasons_and_a_value() -> None:
    given = learn(make(season=12), days(40, noise=1.0))
    assert np.flatnonzero(np.isfinite(given))[0] == 2 * 12 + 1


def test_state_of_another_season_is_refused() -> None:
    stored, other = make(season=12), make(season=6)
    learn(stored, days(100, noise=1.0))
    assert stored.state_version != other.state_version
    with pytest.raises(StateError, match="wrong length"):
        other.load(0, stored.dump(0))
