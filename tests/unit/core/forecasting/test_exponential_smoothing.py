import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.exponential_smoothing import ExponentialSmoothingForecaster
from streams.core.forecasting.interval import margins
from streams.errors import ConfigError
from streams.testing import check_forecaster


def make(alpha: float = 0.0, **settings: float) -> ExponentialSmoothingForecaster:
    forecaster = ExponentialSmoothingForecaster(ForecastConfig(**settings), alpha)
    forecaster.resize(1)
    return forecaster


def learn(forecaster: ExponentialSmoothingForecaster, values: list[float]) -> np.ndarray:
    count = len(values)
    return forecaster.learn_many(np.zeros(count, np.int64), np.arange(count), np.array(values))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_it_keeps_the_contract(alpha: float) -> None:
    check_forecaster(lambda: ExponentialSmoothingForecaster(ForecastConfig(), alpha))


@pytest.mark.spec("S1-021")
def test_equal_values_are_forecast_exactly_and_without_doubt() -> None:
    forecaster = make()
    given = learn(forecaster, [10.0] * 20)
    assert forecaster.forecast(0, 24).tolist() == [10.0] * 24
    error = np.abs(given[1:] - 10).mean()
    assert margins(error, 0.95, 24).tolist() == [0.0] * 24


@pytest.mark.spec("S1-021")
def test_no_alpha_is_that_of_the_configuration_0_3() -> None:
    for forecaster in (make(), make(alpha=0.0), make(alpha=0.3)):
        learn(forecaster, [1.0, 2.0, 4.0])
        level = 1.0 + 0.3 * (2.0 - 1.0)
        assert forecaster.forecast(0, 2).tolist() == [level + 0.3 * (4.0 - level)] * 2


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_another_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(ConfigError, match="alpha"):
        make(alpha)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_forecasts_stay_within_the_values(values: list[float], alpha: float) -> None:
    forecaster = make(alpha)
    learn(forecaster, values)
    level = forecaster.forecast(0, 1)[0]
    slack = 1e-12 * max(map(abs, values))
    assert min(values) - slack <= level <= max(values) + slack


def test_each_forecast_is_the_level_before_the_value() -> None:
    given = learn(make(alpha=0.5), [4.0, 8.0, 0.0])
    np.testing.assert_array_equal(given, [np.nan, 4.0, 6.0])
