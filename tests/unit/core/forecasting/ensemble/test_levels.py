"""Levels, windows, classes and swing against plain Python over all the values."""

import numpy as np
import pytest

from streams.core.forecasting.ensemble import layout
from streams.core.forecasting.ensemble.levels import (
    classify,
    common_experts,
    follow,
    follow_swing,
    median_of_five,
    path_volatility,
    spread,
)
from tests.kits.core.ensemble import autoregressive, blank_row, scratch


def followed(values: np.ndarray) -> np.void:
    row = blank_row()
    for t, value in enumerate(values.tolist()):
        follow(row, t, value)
        follow_swing(row, t, value)
    return row


def level(values, rate: float) -> float:
    """Exponential mean; plain mean while 1/n is larger than the rate."""
    mean = 0.0
    for n, value in enumerate(values, start=1):
        mean += max(rate, 1 / n) * (value - mean)
    return mean


def middle(values) -> float:
    return sorted(values)[len(values) // 2]


def width_of(values: np.ndarray) -> float:
    """Spread of the newest 72 values."""
    window = sorted(values[-72:])
    steps = np.abs(np.diff(values, prepend=values[0]))
    return max(window[5 * len(window) // 6] - window[len(window) // 6], level(steps, 0.005))


@pytest.fixture(params=[1, 2, 5, 24, 25, 80, 500])
def values(request: pytest.FixtureRequest) -> np.ndarray:
    return autoregressive(request.param, seed=request.param)


def test_levels_are_exponential_means(values: np.ndarray) -> None:
    row = followed(values)
    rates = {"fastest": 0.7, "fast": 0.4, "medium": 0.08, "slow": 0.01, "start": 0.03}
    for name, rate in rates.items():
        assert row[f"level_{name}"] == pytest.approx(level(values, rate))
    assert row["last"] == values[-1]
    assert row["mean_step"] == pytest.approx(
        level(np.abs(np.diff(values, prepend=values[0])), 0.005)
    )


def test_medians_are_those_of_the_newest_values(values: np.ndarray) -> None:
    x = scratch()
    common_experts(followed(values), x)
    assert x[layout.MEDIAN_24] == pytest.approx(middle(values[-24:]))
    assert x[layout.MEDIAN_72] == pytest.approx(middle(values[-72:]))
    assert x[layout.MEDIAN_400] == pytest.approx(middle(values[::8][-50:]))
    assert x[layout.LAST] == pytest.approx(values[-1])
    assert x[layout.LAG_1] == pytest.approx(values[-2] if values.size > 1 else values[0])
    assert x[layout.SPREAD] == pytest.approx(width_of(values), rel=1e-5)


def test_the_median_of_five_is_that_of_the_newest(values: np.ndarray) -> None:
    found = median_of_five(followed(values), values.size - 1, scratch())
    assert found == pytest.approx(middle(values[-5:]))


def test_without_a_season_its_experts_say_the_last_value(values: np.ndarray) -> None:
    x = scratch()
    common_experts(followed(values), x)
    assert (x[layout.PROFILE_A : layout.WEEK + 1] == x[layout.LAST]).all()


def test_the_state_is_the_classes_of_three_values_and_the_time_since_a_rise() -> None:
    values = autoregressive(300)
    since = -1
    for n in range(1, values.size + 1):
        rises = values[n - 1] - middle(values[:n][-72:]) > 0.5 * width_of(values[:n])
        since = 0 if rises else since + 1
    since = max(since, 0)
    median, width = middle(values[-72:]), width_of(values)
    now, before, earlier = (class_of((value - median) / width) for value in values[:-4:-1])
    x = scratch()
    common_experts(followed(values), x)
    assert x[layout.CLASS_VALUES] == (now * 5 + before) * 5 + earlier
    assert x[layout.CLASS_RISE] == min(since, 24) * 5 + now


def class_of(distance: float) -> int:
    return int(np.searchsorted([-0.6, -0.15, 0.15, 0.6], distance))


@pytest.mark.parametrize("distance", [-1.5, -0.3, 0.0, 0.14, 0.2, 0.59, 0.61])
def test_a_distance_is_classed_in_widths(distance: float) -> None:
    assert classify(np.float32(2 * distance), np.float32(2)) == class_of(distance)


def test_the_volatility_is_how_far_values_lately_swing_compared_with_always() -> None:
    values = np.concatenate([autoregressive(300), 10 * autoregressive(40)])
    swings = [abs(value - level(values[: n + 1], 0.08)) for n, value in enumerate(values.tolist())]
    row = followed(values)
    ratio = level(swings, 0.05) / level(swings, 0.003)
    assert row["volatility"] == pytest.approx(np.sqrt(ratio + 0.2))
    assert row["volatility"] > 1.5


def test_the_volatility_of_a_path_is_the_deviation_of_twelve_values_and_of_all() -> None:
    values = autoregressive(200)
    deviations = [
        abs(value - level(values[: n + 1], 0.004)) for n, value in enumerate(values.tolist())
    ]
    newest = values[-12:]
    expected = np.abs(newest - newest.mean()).mean() + 0.5 * level(deviations, 0.004)
    assert path_volatility(followed(values), 199) == pytest.approx(expected, rel=1e-5)


def test_constant_values_have_a_spread_above_zero() -> None:
    assert 0 < spread(followed(np.full(100, 5.0))) < 1e-20
