"""Moving the offset, re-weighting and the order of things in learning."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.ensemble.layout import ROW, VOLATILITY
from streams.core.forecasting.ensemble.learning import _rebase
from tests.kits.core.ensemble import autoregressive, learn, make, season

HORIZON = 72


def test_moving_the_offset_changes_no_forecast() -> None:
    ensemble = make()
    learn(ensemble, 4096 + np.round(8 * season(500)))  # exact in single precision, as differences
    row = ensemble._bank[0]
    rows, thresholds = np.zeros(3, np.int64), 4096 + 8 * np.array([40.0, 55.0, 61.0])

    def told() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chances = ensemble.breach_many(rows, thresholds, 24, np.full(3, True))
        return ensemble.quantiles_many(rows[:1], HORIZON, 0.9), chances, ensemble.recent(0)

    before, offset = told(), float(row["offset"])
    _rebase(row)
    assert row["offset"] != offset
    for one, other in zip(before, told(), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_after_moving_the_offset_it_goes_on_as_before() -> None:
    values = 4096 + 8 * season(1000)
    moved, left = make(), make()
    learn(moved, values[:500])
    learn(left, values[:500])
    _rebase(moved._bank[0])
    error = np.abs(learn(moved, values[500:], start=500) - learn(left, values[500:], start=500))
    assert error.max() < 1
    assert error.mean() < 0.05


def test_moving_the_offset_moves_every_field_that_holds_values() -> None:
    """Of the fields, those that hold values are known by a shift of the series."""
    distances = {
        "count", "timestamp", "step", "season", "bins", "begun", "reweigh_at", "reweighed",
        "offset", "mean_step", "swing", "long_swing", "volatility", "deviation_a", "deviation_b",
        "residuals", "week_residual", "long_deviation", "paths", "gap_count", "since_rise",
        "in_short", "in_window", "in_long", "errors", "contest", "covered", "quantiles", "stack",
        "covariance", "daily", "weekly", "by_values", "by_rise", "sample", "highs", "lows",
    }  # fmt: skip
    ensemble = make()
    learn(ensemble, season(500))
    row = ensemble._bank[0]
    row["level_slow"] = 1000.0
    before = {name: np.array(row[name]) for name in ROW.names}
    _rebase(row)
    for name in ROW.names:
        change = before[name] - row[name]
        if name == "path":
            assert change[:, :2] == pytest.approx(1000, rel=1e-4)
            assert not change[:, 2].any()
        elif name == "slots":
            assert change[:, :VOLATILITY] == pytest.approx(1000, rel=1e-4)
            assert not change[:, VOLATILITY : VOLATILITY + 4].any()
            assert change[:, VOLATILITY + 4 :] == pytest.approx(1000, rel=1e-4)
        elif name == "offset":
            assert change == -1000
        elif name in distances:
            assert not change.any(), name
        else:
            assert change == pytest.approx(1000, rel=1e-4), name


def test_a_series_that_drifted_far_keeps_its_digits() -> None:
    far = 1e9 + season(1500)
    ensemble, plain = make(), make()
    start = np.concatenate([[0.0, 1.0], far])
    learn(ensemble, start)
    learn(plain, np.concatenate([far[:2], far]))
    more = 1e9 + season(300, seed=5)
    errors = [np.abs(learn(each, more, start=1502) - more).mean() for each in (ensemble, plain)]
    assert errors[0] < 1.3 * errors[1]


@given(
    st.lists(
        st.one_of(st.floats(-1e300, 1e300), st.floats(-10, 10), st.just(0.0)),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([0, 1000, 3_600_000, -5000]),
)
@settings(max_examples=50)
def test_forecasts_are_always_finite(values: list[float], step: int) -> None:
    ensemble = make()
    given_ = learn(ensemble, values, step=step)
    assert math.isnan(given_[0])
    assert np.isfinite(given_[1:]).all()
    assert np.isfinite(ensemble.quantiles_many(np.zeros(1, np.int64), 100, 0.95)).all()
    if len(values) >= 20:
        assert 0 <= ensemble.breach(0, values[0], 24) <= 1


@pytest.mark.parametrize("ago", [0, 3])
def test_reweighing_takes_effect_exactly_then(ago: int) -> None:
    values = autoregressive(300)
    plain, told = make(), make()
    for each in (plain, told):
        learn(each, values[:200])
    told.reweigh(0, ago, 16)
    due = 200 - ago + 16  # number of values
    expected, found = (learn(each, values[200:], start=200) for each in (plain, told))
    same = expected == found
    assert same[: due - 200].all()
    assert not same[due - 200 :].all()
    assert told._bank[0]["reweighed"] == due - 1


def test_reweighing_does_not_depend_on_how_batches_are_cut() -> None:
    values = autoregressive(300)
    dumps = []
    for cuts in ([200, 300], [200, 205, 215, 216, 217, 300], [150, 203, 214, 300]):
        ensemble, start = make(), 0
        for end in cuts:
            learn(ensemble, values[start:end], start=start)
            start = end
            if end in (200, 203):
                ensemble.reweigh(0, end - 200, 16)
        dumps.append(ensemble.dump(0))
    assert dumps[0] == dumps[1] == dumps[2]


def test_one_reweighing_waits_for_another() -> None:
    one, both = make(), make()
    for each in (one, both):
        learn(each, autoregressive(100))
        each.reweigh(0, 0, 16)
    both.reweigh(0, 0, 4)
    assert both.dump(0) == one.dump(0)
    learn(both, autoregressive(16), start=100)
    both.reweigh(0, 0, 4)
    assert both._bank[0]["reweigh_at"] == 120


def test_after_a_change_reweighing_finds_the_right_expert_sooner() -> None:
    random = np.random.default_rng(4)
    calm = 10 * random.standard_normal(600)  # a mean is best
    walk = np.cumsum(random.standard_normal(80))  # the last value is best
    errors = {}
    for told in (False, True):
        ensemble = make()
        learn(ensemble, calm)
        learn(ensemble, walk[:16], start=600)
        if told:
            ensemble.reweigh(0, 15, 16)
        forecasts = learn(ensemble, walk[16:], start=616)
        errors[told] = np.abs(forecasts - walk[16:]).mean()
    assert errors[True] < 0.95 * errors[False]
