"""Extremes of the next values: the kept sample, and the chance that a threshold is passed."""

import math

import numpy as np
import pytest

from streams.core.forecasting.ensemble import layout
from streams.core.forecasting.ensemble.breach import learn_path
from streams.core.forecasting.ensemble.levels import follow, follow_swing, path_volatility
from streams.core.forecasting.ensemble.samples import lottery
from streams.core.forecasting.ensemble.windows import encode
from tests.kits.core.ensemble import autoregressive, blank_row, learn, make, season

EXTREMES, PATH, EVERY = layout.EXTREMES, layout.PATH, layout.PATH_EVERY


def kept(values: np.ndarray, highest: float, lowest: float) -> tuple[np.void, list, list]:
    """A row after these values, each forecast to stay between two bounds; and what the extremes of
    the paths were, relative to their bound and volatility."""
    row = blank_row()
    begun, highs, lows = {}, [], []
    for t, value in enumerate(values.tolist()):
        follow(row, t, value)
        follow_swing(row, t, value)
        if t % EVERY == 0:
            begun[t] = path_volatility(row, t)
            if t >= PATH + 12:  # the volatility is that of twelve values
                path = values[t - PATH + 1 : t + 1]
                highs.append((path.max() - highest) / begun[t - PATH])
                lows.append((path.min() - lowest) / begun[t - PATH])
        learn_path(row, t, np.float32(highest), np.float32(lowest), lottery(t))
    return row, highs, lows


def test_highest_and_lowest_of_each_path_are_kept_relative_to_their_forecast() -> None:
    row, highs, lows = kept(autoregressive(EVERY * 150), 2.0, -1.5)
    count = len(highs)
    assert row["paths"] == 150
    assert count == 150 - PATH // EVERY - 3
    for name, expected in (("highs", highs), ("lows", lows)):
        codes = np.sort([encode(np.float32(value)) for value in expected])
        assert np.abs(row[name][:count] - codes).max() <= 1  # the last bit is float32's


def test_when_the_sample_is_full_newer_paths_replace_some() -> None:
    values = autoregressive(EVERY * (EXTREMES + 6) * 3)
    row, highs, _ = kept(values, 0.0, 0.0)
    assert len(highs) > 2.5 * EXTREMES
    sample = row["highs"].astype(int)
    assert (np.diff(sample) >= 0).all()
    codes = {int(encode(np.float32(value))) for value in highs[EXTREMES:]}
    newer = np.mean([bool(codes & {code - 1, code, code + 1}) for code in sample.tolist()])
    assert newer > 0.6


def odds(chance: float) -> float:
    """Log-odds that stay finite."""
    return math.log((chance + 2e-3) / (1 - chance + 2e-3))


def test_what_the_paths_add_grows_with_the_log_of_the_horizon() -> None:
    ensemble = make()
    learn(ensemble, autoregressive(1500))
    threshold, within = 4.0, {}
    for horizon in (6, 24):
        bounds = ensemble.quantiles_many(np.array([0]), horizon, 0.8)[0]
        steps = [step for step in layout.ANCHORS if step <= horizon]
        chances = [step_chance(threshold, *bounds[step - 1]) for step in steps]
        within[horizon] = odds(max(chances))
    chances = {horizon: ensemble.breach(0, threshold, horizon) for horizon in within}
    excess = {h: math.log(chance / (1 - chance)) - within[h] for h, chance in chances.items()}
    assert excess[24] > 0.3
    assert excess[6] == pytest.approx(excess[24] * math.log(6) / math.log(24), rel=1e-3)


def step_chance(threshold: float, mean: float, lower: float, upper: float) -> float:
    deviation = (upper - mean if threshold >= mean else mean - lower) / 1.2815515655446004
    return 0.5 * math.erfc((threshold - mean) / deviation / math.sqrt(2))


def test_before_twenty_values_no_chance_is_given() -> None:
    ensemble = make()
    learn(ensemble, season(19))
    assert math.isnan(ensemble.breach(0, 60.0, 24))
    learn(ensemble, season(20)[19:], start=19)
    assert 0 <= ensemble.breach(0, 60.0, 24) <= 1


@pytest.mark.parametrize("size", [20, 100, 2000])
def test_chances_fall_with_the_distance_and_grow_with_the_horizon(size: int) -> None:
    ensemble = make()
    learn(ensemble, autoregressive(size, seed=3))
    thresholds = np.linspace(-15, 15, 61)
    rows = np.zeros(thresholds.size, np.int64)
    for horizon in (1, 3, 24, 72, 168):
        above, below = (
            ensemble.breach_many(rows, thresholds, horizon, np.full(rows.size, side))
            for side in (True, False)
        )
        assert ((above >= 0) & (above <= 1)).all()
        assert (np.diff(above) <= 1e-3).all()
        assert (np.diff(below) >= -1e-3).all()
        assert above[0] > 0.95
        assert above[-1] < 0.05
    near = [ensemble.breach(0, 4.0, horizon) for horizon in (1, 6, 24)]
    assert near == sorted(near)


def test_thresholds_without_end_are_certain() -> None:
    ensemble = make()
    learn(ensemble, season(300))
    assert ensemble.breach(0, math.inf, 24) < 0.01
    assert ensemble.breach(0, -math.inf, 24) > 0.99
    assert ensemble.breach(0, 1e300, 24, above=False) > 0.99


def test_a_constant_series_stays_where_it_is() -> None:
    ensemble = make()
    learn(ensemble, np.full(300, 5.0))
    assert ensemble.breach(0, 5.1, 24) < 0.01
    assert ensemble.breach(0, 4.9, 24) > 0.99
    assert ensemble.breach(0, 4.9, 24, above=False) < 0.01
