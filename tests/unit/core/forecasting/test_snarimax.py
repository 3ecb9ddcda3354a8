import numpy as np
import pytest
from river.time_series import SNARIMAX

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.snarimax import WARM_UP, SnarimaxForecaster
from streams.core.forecasting.snarimax_model import FARTHEST_LAG, LagScaler, regressor
from streams.errors import ConfigError, StateError
from streams.testing import check_forecaster
from tests.kits.core.values import noise

ORDERS = [(2, 1, 1), (1, 0, 0), (3, 2, 2), (0, 1, 1), (2, 1, 0), (0, 0, 0), (4, 3, 4)]


def config(orders: tuple[int, int, int]) -> ForecastConfig:
    p, d, q = orders
    return ForecastConfig(ar_order=p, difference=d, ma_order=q)


def make(orders: tuple[int, int, int] = (2, 1, 1)) -> SnarimaxForecaster:
    forecaster = SnarimaxForecaster(config(orders))
    forecaster.resize(2)
    return forecaster


def learn(forecaster: SnarimaxForecaster, values: np.ndarray, row: int = 0) -> np.ndarray:
    return forecaster.learn_many(np.full(values.size, row), np.arange(values.size), values)


@pytest.mark.parametrize(
    ("orders", "length"), [((2, 1, 1), 120), ((3, 0, 0), 60), ((1, 2, 2), 60), ((0, 0, 0), 60)]
)
def test_it_keeps_the_contract(orders: tuple[int, int, int], length: int) -> None:
    check_forecaster(lambda: SnarimaxForecaster(config(orders)), length=length)


@pytest.mark.parametrize("orders", ORDERS)
def test_it_is_rivers_model_on_values_in_units_to_the_last_bit(
    orders: tuple[int, int, int],
) -> None:
    forecaster, river = make(orders), SNARIMAX(*orders, regressor=regressor())
    values = 20 + 3 * noise(600) + np.sin(np.arange(600) / 9)
    warm_up = forecaster._warm_up_values
    first = values[:warm_up].tolist()
    center = sum(first) / warm_up
    unit = (sum((value - center) ** 2 for value in first) / warm_up) ** 0.5
    given = learn(forecaster, values)
    assert np.isnan(given[:warm_up]).all()
    clipped = 0
    for position, value in enumerate(values.tolist()):
        if position >= warm_up:
            expected = river.forecast(1)[0] * unit + center
            lowest, highest = values[:position].min(), values[:position].max()
            spread = highest - lowest
            bounded = min(max(expected, lowest - spread), highest + spread)
            clipped += bounded != expected
            assert given[position] == bounded
        river.learn_one((value - center) / unit)
    assert clipped < 30
    np.testing.assert_array_equal(
        forecaster.forecast(0, 6),
        np.clip(
            np.array(river.forecast(6)) * unit + center,
            values.min() - np.ptp(values),
            values.max() + np.ptp(values),
        ),
    )


@pytest.mark.spec("S1-022")
def test_a_rising_line_is_continued() -> None:
    forecaster = make()
    learn(forecaster, np.arange(100.0))
    forecast = forecaster.forecast(0, 24)
    assert forecast[-1] > forecast[0] > 99


def test_a_spike_does_not_throw_its_weights() -> None:
    values = noise(1000)
    values[200::200] = 1000
    forecaster = make()
    given = learn(forecaster, values)
    quiet = np.arange(values.size) % 200 > 20
    quiet[:20] = False
    assert np.abs(given - values)[quiet].mean() < 3 * np.abs(np.diff(noise(1000))).mean()


def test_a_line_with_hardly_any_noise_is_continued() -> None:
    forecaster = make()
    line = 5 * np.arange(120.0)
    learn(forecaster, line[:96] + 1e-6 * noise(96))
    assert np.abs(forecaster.forecast(0, 24) - line[96:]).max() < 60


def test_lags_are_cut_off_far_from_their_mean() -> None:
    scaler = LagScaler()
    for value in (-1.0, 1.0):
        scaler.learn_one({"y-1": value})
    assert scaler.transform_one({"y-1": 0.5}) == {"y-1": 0.5}
    assert scaler.transform_one({"y-1": 99.0}) == {"y-1": FARTHEST_LAG}
    assert scaler.transform_one({"y-1": -99.0}) == {"y-1": -FARTHEST_LAG}


def test_raw_bytes_do_not_make_it_diverge() -> None:
    forecaster = make()
    values = 8e9 + 1e9 * noise(2000)
    given = learn(forecaster, values)[WARM_UP:]
    assert np.isfinite(given).all()
    assert np.abs(given - values[WARM_UP:]).mean() < 3e9


def test_a_regression_that_runs_away_starts_anew() -> None:
    forecaster = make()
    values = noise(200)
    values[100] = 1e12
    given = learn(forecaster, values)
    assert np.isnan(given[101:]).any()
    assert np.isfinite(given[-50:]).all()


def test_a_constant_is_forecast_exactly() -> None:
    forecaster = make()
    given = learn(forecaster, np.full(50, 0.1))
    assert set(given[WARM_UP:].tolist()) == {0.1}
    assert set(forecaster.forecast(0, 24).tolist()) == {0.1}


def test_a_negative_order_is_refused() -> None:
    with pytest.raises(ConfigError, match="ma_order"):
        make((1, 0, -1))


def test_state_of_other_orders_has_another_version() -> None:
    assert make((2, 1, 1)).state_version != make((1, 1, 1)).state_version


def test_state_of_other_orders_is_refused() -> None:
    stored, other = make((9, 1, 9)), make((2, 0, 1))
    learn(stored, noise(60))
    with pytest.raises(StateError, match="wrong length"):
        other.load(0, stored.dump(0))


def test_a_state_is_small() -> None:
    forecaster = make()
    learn(forecaster, noise(5000))
    assert len(forecaster.dump(0)) < 260
