"""The forecaster as a whole: its protocol, its stored form, and what it says of itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.bank import PROMISED, CompiledEnsemble
from streams.core.forecasting.ensemble.layout import ANCHORS, NAMES, STRIDES
from streams.core.forecasting.protocol import ProbabilisticForecaster
from streams.core.forecasting.state import seal
from streams.errors import StateError
from streams.testing import check_forecaster
from tests.kits.core.ensemble import (
    HOUR_MS,
    MINUTE_MS,
    autoregressive,
    learn,
    make,
    season,
)


def test_it_keeps_the_contract() -> None:
    check_forecaster(lambda: CompiledEnsemble(ForecastConfig()))


def test_it_knows_its_own_intervals() -> None:
    assert isinstance(make(), ProbabilisticForecaster)


# -- learning and forecasting ---------------------------------------------------------------------


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80),
    st.lists(st.integers(1, 79), max_size=6, unique=True),
)
@settings(max_examples=40)
def test_batches_restarts_and_rows_change_nothing(values: list[float], cuts: list[int]) -> None:
    whole = make()
    expected = learn(whole, values)
    ensemble, row, start, found = make(), 0, 0, []
    for end in [*sorted(cut for cut in cuts if cut < len(values)), len(values)]:
        found.append(learn(ensemble, values[start:end], row, start))
        moved = make(4)
        moved.load(end % 4, ensemble.dump(row))
        ensemble, row, start = moved, end % 4, end
    assert np.concatenate(found).tobytes() == expected.tobytes()
    assert ensemble.dump(row) == whole.dump(0)


@pytest.mark.parametrize("step", [MINUTE_MS, HOUR_MS])
def test_what_it_learns_against_is_what_it_forecast(step: int) -> None:
    ensemble, values = make(), season(200)
    for position, value in enumerate(values.tolist()):
        forecast = ensemble.forecast(0, 1)
        predicted = learn(ensemble, [value], start=position, step=step)
        assert predicted.tobytes() == forecast.tobytes()


def test_many_rows_at_once_are_forecast_as_one_by_one() -> None:
    ensemble = make(3)
    learn(ensemble, season(100), row=0)
    learn(ensemble, autoregressive(300), row=2)
    rows = np.array([2, 1, 0, 2])
    together = ensemble.quantiles_many(rows, 48, 0.9)
    for row, found in zip(rows.tolist(), together, strict=True):
        _, lower, upper = ensemble.quantiles(row, 48, 0.9)
        assert found[:, 0].tobytes() == ensemble.forecast(row, 48).tobytes()
        assert found[:, 1].tobytes() == lower.tobytes()
        assert found[:, 2].tobytes() == upper.tobytes()
    assert np.isnan(together[1]).all()


@pytest.mark.parametrize("size", [1, 2, 21, 200])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.99])
def test_means_lie_within_their_interval(size: int, level: float) -> None:
    ensemble = make()
    learn(ensemble, season(size))
    _, lower, upper = ensemble.quantiles(0, 168, level)
    mean = ensemble.forecast(0, 168)
    assert (lower <= mean).all()
    assert (mean <= upper).all()


def test_nearer_steps_do_not_depend_on_the_horizon() -> None:
    ensemble = make()
    learn(ensemble, season(500))
    far = ensemble.forecast(0, 168)
    for horizon in (1, 2, 5, 12, 13, 30, 72, 100):
        assert ensemble.forecast(0, horizon).tobytes() == far[:horizon].tobytes()


def test_the_daily_wave_goes_on_between_and_behind_the_anchors() -> None:
    ensemble = make()
    learn(ensemble, season(24 * 20))
    wave = 50 + 10 * np.sin(2 * np.pi * np.arange(24 * 20, 24 * 27) / 24)
    mean = ensemble.forecast(0, 168)
    _, lower, upper = ensemble.quantiles(0, 168, 0.9)
    assert np.abs(mean - wave).max() < 3
    assert np.abs(mean - wave).mean() < 1
    assert np.mean((lower <= wave) & (wave <= upper)) > 0.9


def test_without_a_season_steps_lie_on_lines_between_the_anchors() -> None:
    ensemble = make()
    learn(ensemble, autoregressive(300), step=1000)
    mean = ensemble.forecast(0, 100)
    at = np.array(ANCHORS)
    assert mean == pytest.approx(np.interp(np.arange(1, 101), at, mean[at - 1]), rel=1e-9)
    _, lower, upper = ensemble.quantiles(0, 288, 0.9)
    assert (upper - lower)[287] == pytest.approx(2 * (upper - lower)[71])


# -- stored form ----------------------------------------------------------------------------------


def test_a_dump_is_as_long_as_a_row_whatever_was_learned() -> None:
    ensemble = make(2)
    learn(ensemble, season(500))
    assert len(ensemble.dump(0)) == len(ensemble.dump(1)) == ensemble.row_bytes + 4


@given(st.data())
@settings(max_examples=30)
def test_one_damaged_byte_is_noticed(data: st.DataObject) -> None:
    ensemble = make()
    fresh = ensemble.dump(0)
    learn(ensemble, season(50))
    state = bytearray(ensemble.dump(0))
    position = data.draw(st.integers(0, len(state) - 1))
    state[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StateError):
        ensemble.load(0, bytes(state))
    assert ensemble.dump(0) == fresh


@pytest.mark.parametrize(
    "field", ["season", "bins", "gap_count", "in_short", "in_window", "in_long"]
)
@pytest.mark.parametrize("value", [-1, 10_000, 2**62])
def test_positions_outside_the_row_are_refused(field: str, value: int) -> None:
    ensemble = make()
    learn(ensemble, season(50))
    stored = ensemble._bank[0].copy()
    stored[field] = value
    with pytest.raises(StateError, match=field):
        ensemble.load(0, seal(stored.tobytes()))
    assert np.isnan(ensemble.forecast(0, 1)).all()


def test_state_of_another_layout_is_refused() -> None:
    ensemble = make()
    with pytest.raises(StateError):
        ensemble.load(0, seal(b"\0" * (ensemble.row_bytes - 8)))


# -- what it says of itself -----------------------------------------------------------------------


def test_errors_and_coverage_by_horizon_are_those_of_the_forecasts_it_made() -> None:
    ensemble, values = make(), autoregressive(250)
    made: dict[int, np.ndarray] = {}
    for position, value in enumerate(values.tolist()):
        learn(ensemble, [value], start=position, step=1000)  # no season: scored from the start
        made[position] = ensemble.quantiles_many(np.zeros(1, np.int64), 72, PROMISED)[0]
    found = {anchor.horizon: anchor for anchor in ensemble.accuracy(0)}
    assert list(found) == list(ANCHORS)
    for anchor, stride in zip(ANCHORS, STRIDES, strict=True):
        error = share = 0.0
        decay = 0.99 if anchor == 1 else 0.996
        starts = range(0, values.size - anchor, stride)
        for n, start in enumerate(starts, start=1):
            mean, lower, upper = made[start][anchor - 1]
            value = values[start + anchor]
            error += max(1 - decay**stride, 1 / n) * (abs(value - mean) - error)
            share += max(0.01, 1 / n) * ((lower <= value <= upper) - share)
        assert found[anchor].scored == len(starts)
        assert found[anchor].mae == pytest.approx(error, rel=1e-3)
        assert found[anchor].coverage == pytest.approx(share, abs=0.02)


def test_coverage_is_the_mean_of_the_anchors() -> None:
    ensemble = make()
    assert ensemble.coverage(0) == (PROMISED, PROMISED)
    assert ensemble.accuracy(0) == []
    learn(ensemble, season(500))
    known = ensemble.accuracy(0)
    weights = [min(anchor.scored, 100) for anchor in known]
    expected = np.average([anchor.coverage for anchor in known], weights=weights)
    assert ensemble.coverage(0) == (pytest.approx(expected), PROMISED)


@pytest.mark.spec("S1-200")
@pytest.mark.parametrize(("steps", "points"), [(24, 200), (96, 200), (288, 2 * 288)])
def test_a_seasonal_model_is_chosen_after_two_days(steps: int, points: int) -> None:
    for seed in range(5):
        ensemble = make()
        learn(ensemble, season(points, steps, seed), step=86_400_000 // steps)
        assert ensemble.members(0, 24)[0] == "daily_profile"


def test_a_weekly_pattern_is_given_to_the_weekly_profile() -> None:
    ensemble = make()
    hours = np.arange(24 * 7 * 8)
    weekend = (hours // 24 % 7 >= 5) * 30.0
    learn(ensemble, 50 - weekend + 0.5 * autoregressive(hours.size))
    assert "weekly_profile" in ensemble.members(0, 72)


def test_members_are_distinct_known_names() -> None:
    ensemble = make()
    for values in (season(3), season(300)):
        learn(ensemble, values)
        for horizon in (1, 5, 24, 168):
            names = ensemble.members(0, horizon)
            assert 1 <= len(names) == len(set(names))
            assert set(names) <= set(NAMES)


@pytest.mark.parametrize("size", [0, 1, 71, 72, 73, 200])
def test_the_newest_values_are_kept_oldest_first(size: int) -> None:
    ensemble, values = make(), season(size)
    learn(ensemble, values)
    assert ensemble.recent(0) == pytest.approx(values[-72:], rel=1e-5)


def test_a_fresh_row_says_nothing() -> None:
    ensemble = make(2)
    learn(ensemble, season(100), row=1)
    assert np.isnan(ensemble.quantiles_many(np.array([0]), 24, 0.8)).all()
    assert math.isnan(ensemble.breach(0, 1.0, 24))
    ensemble.reset(1)
    assert ensemble.dump(0) == ensemble.dump(1)
