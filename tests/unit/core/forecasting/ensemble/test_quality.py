"""How good forecasts, intervals and chances are, on real and on seeded series."""

import numpy as np
import pytest

from tests.kits.core.ensemble import autoregressive, example, learn, make, season

ROW = np.zeros(1, np.int64)
HORIZONS = np.array([1, 12, 24, 72])


def errors(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute errors at the horizons: of the ensemble, and of the last value."""
    ensemble, start = make(), 1000
    ensemble.learn_many(np.zeros(start, np.int64), times[:start], values[:start])
    found, naive = [], []
    for now in range(start, values.size - 72, 7):
        ahead = values[now + HORIZONS - 1]
        found.append(np.abs(ensemble.forecast(0, 72)[HORIZONS - 1] - ahead))
        naive.append(np.abs(values[now - 1] - ahead))
        part = slice(now, now + 7)
        ensemble.learn_many(np.zeros(7, np.int64), times[part], values[part])
    return np.mean(found, axis=0), np.mean(naive, axis=0)


@pytest.mark.parametrize("name", ["elb_request_count_8c0756", "Twitter_volume_AAPL"])
def test_it_is_better_than_the_last_value_at_each_horizon(name: str) -> None:
    found, naive = errors(*example(name))
    assert (found < 0.95 * naive).all(), found / naive


@pytest.mark.parametrize("name", ["ec2_cpu_utilization_5f5533", "rds_cpu_utilization_cc0c53"])
def test_where_the_level_shifts_it_is_better_nearby_and_on_the_whole(name: str) -> None:
    found, naive = errors(*example(name))
    assert found[0] < 0.8 * naive[0], found / naive
    assert np.mean(found / naive) < 1, found / naive


def test_intervals_hold_what_they_promise() -> None:
    values = season(24 * 150)
    ensemble, start = make(), 24 * 30
    learn(ensemble, values[:start])
    inside = []
    for now in range(start, values.size - 72, 5):
        _, lower, upper = ensemble.quantiles(0, 72, 0.8)
        ahead = values[now : now + 72]
        inside.append((lower <= ahead) & (ahead <= upper))
        learn(ensemble, values[now : now + 5], start=now)
    held = np.mean(inside, axis=0)
    assert held.mean() == pytest.approx(0.8, abs=0.04)
    assert held[HORIZONS - 1] == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("horizon", [6, 24, 72])
@pytest.mark.parametrize("above", [True, False])
def test_chances_of_a_breach_come_true_as_often(horizon: int, above: bool) -> None:
    values = autoregressive(12_000, seed=11)
    limit = float(np.quantile(values, 0.97 if above else 0.03))
    ensemble, start = make(), 1000
    learn(ensemble, values[:start])
    said, seen = [], []
    for now in range(start, values.size - horizon, 12):
        said.append(ensemble.breach(0, limit, horizon, above))
        path = values[now : now + horizon]
        seen.append(path.max() > limit if above else path.min() < limit)
        learn(ensemble, values[now : now + 12], start=now)
    chances, happened = np.array(said), np.array(seen)
    assert chances.mean() == pytest.approx(happened.mean(), abs=0.08)
    likely = chances > np.median(chances)
    assert happened[likely].mean() > happened[~likely].mean()
