import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.seasonal_profile import (
    DAY_MS,
    MOST_BINS,
    SeasonalProfileForecaster,
)
from streams.errors import StateError
from streams.testing import check_forecaster
from tests.kits.core.values import noise

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def make() -> SeasonalProfileForecaster:
    forecaster = SeasonalProfileForecaster(ForecastConfig())
    forecaster.resize(1)
    return forecaster


def learn(
    forecaster: SeasonalProfileForecaster, times: np.ndarray, values: np.ndarray
) -> np.ndarray:
    return forecaster.learn_many(np.zeros(times.size, np.int64), times, values)


def wave(times: np.ndarray) -> np.ndarray:
    """One wave a day."""
    return 50 + 10 * np.sin(2 * np.pi * times / DAY_MS)


def test_it_keeps_the_contract() -> None:
    check_forecaster(lambda: SeasonalProfileForecaster(ForecastConfig()))


@pytest.mark.parametrize("step", [MINUTE_MS, 5 * MINUTE_MS, 7 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS])
def test_a_daily_season_is_found_at_any_step(step: int) -> None:
    forecaster = make()
    times = step * np.arange(8 * DAY_MS // step)
    learn(forecaster, times, wave(times) + 0.5 * noise(times.size))
    ahead = min(168, DAY_MS // step)
    future = times[-1] + step * np.arange(1, ahead + 1)
    assert np.abs(forecaster.forecast(0, ahead) - wave(future)).mean() < 1.5


def test_before_two_days_the_forecast_is_the_last_value() -> None:
    forecaster = make()
    times = HOUR_MS * np.arange(48)
    given = learn(forecaster, times, wave(times))
    assert np.isnan(given[0])
    np.testing.assert_array_equal(given[1:], wave(times)[:-1])
    assert set(forecaster.forecast(0, 24).tolist()) == {wave(times)[-1]}


def test_without_a_season_the_forecast_stays_the_last_value() -> None:
    forecaster = make()
    times = 5 * MINUTE_MS * np.arange(288 * 10)
    values = np.cumsum(noise(times.size))
    given = learn(forecaster, times, values)
    assert np.mean(given[1:] == values[:-1]) > 0.8


def test_without_a_step_the_forecast_is_the_last_value() -> None:
    forecaster = make()
    learn(forecaster, np.full(500, 17), noise(500))
    assert forecaster.forecast(0, 3).tolist() == [noise(500)[-1]] * 3


def test_a_spike_leaves_next_to_nothing() -> None:
    plain, spiked = make(), make()
    times = HOUR_MS * np.arange(24 * 10)
    values = wave(times) + noise(times.size)
    learn(plain, times, values)
    values[-30] = 1e4
    learn(spiked, times, values)
    difference = spiked.forecast(0, 24) - plain.forecast(0, 24)
    assert spiked._rows[0].has_season
    assert np.abs(difference).max() < 60


def test_the_level_follows_a_shift_and_the_profile_stays() -> None:
    forecaster = make()
    times = HOUR_MS * np.arange(24 * 30)
    values = wave(times) + np.where(np.arange(times.size) < 240, 0, 40) + 0.1 * noise(times.size)
    learn(forecaster, times, values)
    future = times[-1] + HOUR_MS * np.arange(1, 25)
    assert np.abs(forecaster.forecast(0, 24) - wave(future) - 40).mean() < 3


def test_after_an_outage_the_time_of_the_day_is_still_known() -> None:
    forecaster = make()
    times = HOUR_MS * np.arange(24 * 10)
    times[-5:] += 55 * HOUR_MS
    learn(forecaster, times, wave(times) + 0.1 * noise(times.size))
    future = times[-1] + HOUR_MS * np.arange(1, 25)
    assert np.abs(forecaster.forecast(0, 24) - wave(future)).mean() < 1


def test_bins_become_more_when_the_step_becomes_shorter() -> None:
    forecaster = make()
    slow = HOUR_MS * np.arange(24 * 6)
    fast = slow[-1] + 5 * MINUTE_MS * np.arange(1, 288 * 4)
    learn(forecaster, slow, wave(slow))
    learn(forecaster, fast, wave(fast))
    assert len(forecaster._rows[0].bins) == MOST_BINS
    future = fast[-1] + 5 * MINUTE_MS * np.arange(1, 145)
    assert np.abs(forecaster.forecast(0, 144) - wave(future)).mean() < 2


def test_a_row_has_a_bound() -> None:
    forecaster = make()
    times = 1000 * np.arange(200_000)
    learn(forecaster, times, noise(times.size))
    assert len(forecaster.dump(0)) < 6000


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(-1e12, 1e12)), max_size=60))
def test_any_timestamps_leave_forecasts_in_range_and_a_state_that_loads(
    learned: list[tuple[int, float]],
) -> None:
    forecaster, other = make(), make()
    times = np.array([time for time, _ in learned], np.int64)
    values = np.array([value for _, value in learned])
    learn(forecaster, times, values)
    forecast = forecaster.forecast(0, 168)
    if learned:
        width = np.ptp(values)
        assert (values.min() - width <= forecast).all()
        assert (forecast <= values.max() + width).all()
    other.load(0, forecaster.dump(0))
    np.testing.assert_array_equal(other.forecast(0, 168), forecast)


def test_a_state_with_more_bins_than_there_are_is_refused() -> None:
    forecaster = make()
    times = HOUR_MS * np.arange(100)
    learn(forecaster, times, wave(times))
    forecaster._rows[0].bins.extend([0.0] * MOST_BINS)
    with pytest.raises(StateError, match="wrong length"):
        make().load(0, forecaster.dump(0))
