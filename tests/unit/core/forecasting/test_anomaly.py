import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting import anomaly
from streams.core.forecasting.anomaly import QUIET_STEPS, THRESHOLD, AnomalyDetectors
from streams.errors import ConfigError, StateError

DAY = 288


def make(rows: int = 1, **options) -> AnomalyDetectors:
    detectors = AnomalyDetectors(**options)
    detectors.resize(rows)
    return detectors


def feed(detectors: AnomalyDetectors, values, forecasts, row: int = 0):
    """Scores and alarms of one row."""
    values = np.asarray(values, np.float64)
    forecasts = np.broadcast_to(np.asarray(forecasts, np.float64), values.shape)
    rows = np.full(values.size, row)
    return detectors.update_many(rows, np.arange(values.size), values, forecasts)


def alarms_of(values, forecasts, **options) -> list[int]:
    return np.flatnonzero(feed(make(**options), values, forecasts)[1]).tolist()


def noise(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size)


def last_values(values: np.ndarray) -> np.ndarray:
    """Each value forecast by the one before."""
    return np.concatenate([[math.nan], values[:-1]])


def smoothed(values: np.ndarray, rate: float = 0.2) -> np.ndarray:
    """Each value forecast by an exponential mean."""
    forecasts, mean = np.empty(values.size), values[0]
    for index, value in enumerate(values.tolist()):
        forecasts[index] = mean
        mean += rate * (value - mean)
    return forecasts


# -- the same in plain Python -----------------------------------------------------------------


class Number:
    """A number and its long-run distribution: mean, and mean cubed excess."""

    def __init__(self, mean: float, deviation: float) -> None:
        self.mean, self.cube = mean, deviation**3

    def take(self, number: float, rate: float, least: float) -> float:
        """How unusual the number is, in deviations; then learn it."""
        excess = number - self.mean
        surprise = max(excess, 0) / max(self.cube ** (1 / 3), least)
        self.mean += rate * excess
        self.cube += rate * (anomaly.CUBE * max(excess, 0) ** 3 - self.cube)
        return surprise


class Plain:
    """One series without tricks: the numbers as documented."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.error = self.fast = self.slow = self.level = 0.0

    def score(self, value: float, forecast: float) -> float:
        error, usual = abs(value - forecast), self.error
        self.errors.append(error)
        count = len(self.errors)
        for name, rate, new in (
            ("error", 1 / 8000, error),
            ("fast", 2 / 13, error),
            ("slow", 2 / 61, error),
            ("level", 2 / 51, value),
        ):
            old = getattr(self, name)
            setattr(self, name, old + max(rate, 1 / count) * (new - old))
        if count <= 5:
            return 0.0
        if count == 6:
            self.volatility = Number(math.log(1.5), 1.2)
            self.calm = Number(-math.log(1.1), 1.2)
            self.point = Number(1, 2)
            self.rise = Number(self.level, 6 * self.error)
            self.fall = Number(-self.level, 6 * self.error)
        rate = max(1 / 8000, 1 / (count - 4))
        scores = [
            self.volatility.take(math.log(self.fast / usual + 0.5), rate, 0.05),
            0.75 * self.calm.take(-math.log(self.slow / usual + 0.1), rate, 0.05),
            0.6 * self.point.take(error / usual, rate, 0.05),
            self.rise.take(self.level, rate, 0.2 * usual),
            self.fall.take(-self.level, rate, 0.2 * usual),
        ]
        return max(scores) if count > 50 else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_plain_twin(seed: int) -> None:
    values = 50 + noise(seed, 1500).cumsum() / 4 + noise(seed + 9, 1500)
    values[700] += 30
    values[900:950] = values[900]
    forecasts = smoothed(values)
    plain = Plain()
    expected = [plain.score(*pair) for pair in zip(values, forecasts, strict=True)]
    scores, _ = feed(make(), values, forecasts)
    np.testing.assert_allclose(scores, expected, rtol=1e-8, atol=1e-8)
    assert scores.max() > THRESHOLD


def test_the_distributions_forget_after_their_memory() -> None:
    values = noise(7, 9000)
    plain = Plain()
    expected = [plain.score(value, 0.0) for value in values.tolist()]
    np.testing.assert_allclose(feed(make(), values, 0)[0], expected, rtol=1e-7, atol=1e-7)


# -- what is found ----------------------------------------------------------------------------


@pytest.mark.spec("S1-198")
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("sign", [1, -1])
def test_one_outlier_raises_one_alarm(seed: int, sign: int) -> None:
    values = noise(seed, 700)
    values[400] = sign * 7
    assert [at for at in alarms_of(values, 0) if at >= 400] == [400]


def test_most_outliers_of_six_sigma_are_found_after_a_hundred_values() -> None:
    found = 0
    for seed in range(100):
        values = noise(seed, 101)
        values[100] = 6
        found += alarms_of(values, 0) == [100]
    assert found >= 85


def test_a_step_after_constant_values_raises_one_alarm() -> None:
    values = np.repeat([20.0, 35.0], 1000)
    assert alarms_of(values, last_values(values)) == [1000]


def test_constant_values_raise_none() -> None:
    scores, alarms = feed(make(), np.full(3000, 0.1), 0.1)
    assert scores.max() < 0.1
    assert not alarms.any()


def test_a_shift_of_the_level_is_found_once_though_forecasts_follow_it() -> None:
    values = noise(1, 4000)
    values[3000:] += 6
    (at,) = alarms_of(values, smoothed(values))
    assert 3000 <= at < 3010


def test_a_slow_drift_is_found_though_every_forecast_is_good() -> None:
    values = noise(2, 4000)
    values[3000:] += 0.03 * np.arange(1000)
    forecasts = values - noise(3, 4000)
    alarms = alarms_of(values, forecasts)
    assert alarms
    assert 3020 < alarms[0] < 3150


@pytest.mark.parametrize("seed", range(5))
def test_a_sensor_that_hangs_is_found(seed: int) -> None:
    values = 20 + noise(seed, 2600)
    values[2000:] = values[2000]
    found = [at for at in alarms_of(values, smoothed(values)) if at >= 2000]
    assert len(found) == 1
    assert found[0] < 2120


def test_a_burst_is_found_that_no_single_error_gives_away() -> None:
    values = noise(4, 3000)
    values[2000:2030] *= 3.5
    found = [at for at in alarms_of(values, 0) if at >= 2000]
    assert len(found) == 1
    assert abs(values[found[0]]) < 9
    assert found[0] < 2020


def test_what_happens_time_and_again_is_usual() -> None:
    once, often = noise(5, 5000), noise(5, 5000)
    once[4000] += 15
    often[50::50] += 15
    assert [at for at in alarms_of(once, 0) if at >= 4000] == [4000]
    assert [at for at in alarms_of(often, 0) if at > 1000] == []
    often[4010] += 40
    assert [at for at in alarms_of(often, 0) if at > 1000] == [4010]


@pytest.mark.parametrize("kind", ["white", "autoregressive", "daily"])
def test_false_alarms_in_noise_are_few(kind: str) -> None:
    alarms, size = 0, 10_000
    for seed in range(10):
        values = noise(seed, size)
        forecasts = np.zeros(size)
        if kind == "autoregressive":
            for at in range(1, size):
                forecasts[at] = 0.8 * values[at - 1]
                values[at] += forecasts[at]
        if kind == "daily":
            wave = 10 * np.sin(2 * np.pi * np.arange(size) / DAY)
            values, forecasts = values + wave, wave
        alarms += len(alarms_of(values, forecasts))
    assert alarms / 10 < 4


# -- incidents --------------------------------------------------------------------------------


def test_an_incident_lasts_until_the_score_is_usual_again() -> None:
    values = noise(6, 3000)
    values[1000:1400] *= 20
    scores, alarms = feed(make(quiet_steps=10), values, 0)
    (first, *_) = found = np.flatnonzero(alarms).tolist()
    assert first in (1000, 1001)
    for one, other in pairwise(found):
        assert scores[one + 11 : other].min() < THRESHOLD


def test_an_alarm_needs_the_threshold() -> None:
    values = noise(8, 5000) ** 3
    scores, alarms = feed(make(threshold=2.0, quiet_steps=0), values, 0)
    assert alarms.sum() > 10
    assert scores[alarms].min() >= 2
    # with no quiet time the first values above are exactly those after one below
    above = scores >= 2
    np.testing.assert_array_equal(alarms, above & ~np.concatenate([[False], above[:-1]]))


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_quiet_is_kept_between_alarms(seed: int, quiet: int) -> None:
    random = np.random.default_rng(seed)
    values = random.standard_t(2, 1000)
    found = alarms_of(values, 0, quiet_steps=quiet, threshold=2.0)
    assert all(gap > quiet for gap in np.diff(found))


def test_without_a_forecast_there_is_no_judgement() -> None:
    values = noise(10, 800)
    values[500] = 50
    scores, alarms = feed(make(), values, 0)
    gappy, holes = np.repeat(values, 2), np.zeros(1600)
    gappy[1::2], holes[1::2] = 1e6, math.nan
    holes[3], holes[5] = math.inf, -math.inf
    gappy_scores, gappy_alarms = feed(make(), gappy, holes)
    np.testing.assert_array_equal(gappy_scores[::2], scores)
    np.testing.assert_array_equal(gappy_alarms[::2], alarms)
    assert not gappy_scores[1::2].any()
    assert not gappy_alarms[1::2].any()


def test_units_do_not_matter() -> None:
    values = 30 + noise(11, 2000)
    values[1500] += 8
    scores, alarms = feed(make(), values, smoothed(values))
    scaled = values * 2.0**40
    scaled_scores, scaled_alarms = feed(make(), scaled, smoothed(scaled))
    np.testing.assert_allclose(scaled_scores, scores, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(scaled_alarms, alarms)
    assert alarms[1500]


# -- rows, batches, state ---------------------------------------------------------------------

SERIES = [noise(seed, 600) ** 3 for seed in range(20, 23)]


def test_rows_do_not_influence_each_other() -> None:
    rows = np.tile(np.arange(3), 600)
    mixed = np.stack(SERIES, axis=1).ravel()
    scores, alarms = make(3).update_many(rows, rows, mixed, np.zeros(1800))
    for row, values in enumerate(SERIES):
        alone = feed(make(), values, 0)
        np.testing.assert_array_equal(scores[rows == row], alone[0])
        np.testing.assert_array_equal(alarms[rows == row], alone[1])


@given(st.lists(st.integers(1, 599), max_size=12, unique=True))
@settings(max_examples=25, deadline=None)
def test_cuts_and_restarts_change_nothing(cuts: list[int]) -> None:
    unbroken = make()
    expected = feed(unbroken, SERIES[0], 0)
    assert expected[1].any()
    current, parts = make(), []
    for part in np.split(SERIES[0], sorted(cuts)):
        state = current.dump(0)
        current = make(2)
        current.load(1, state)
        assert current.dump(1) == state
        parts.append(feed(current, part, 0, row=1))
        moved = make()
        moved.load(0, current.dump(1))
        current = moved
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), expected[0])
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), expected[1])
    assert current.dump(0) == unbroken.dump(0)


finite = st.floats(-1e300, 1e300, allow_nan=False)
extreme = st.sampled_from([0.0, 1e300, -1e300, 5e-324, 1e-300, 1.0])


@given(st.lists(st.tuples(finite | extreme, finite | extreme), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_finite_input_leaves_scores_and_state_finite(pairs: list[tuple[float, float]]) -> None:
    values, forecasts = np.array(pairs * 4).T
    detectors = make()
    scores, _ = feed(detectors, values, forecasts)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    other = make()
    other.load(0, detectors.dump(0))
    assert other.dump(0) == detectors.dump(0)


def test_a_fresh_row_costs_no_bytes_and_a_used_one_128() -> None:
    detectors = make(2)
    assert detectors.dump(0) == b""
    feed(detectors, SERIES[0], 0)
    assert len(detectors.dump(0)) == 128
    assert detectors.dump(1) == b""
    detectors.reset(0)
    assert detectors.dump(0) == b""
    detectors.resize(3)
    again = feed(detectors, SERIES[1], 0)
    np.testing.assert_array_equal(again[0], feed(make(), SERIES[1], 0)[0])


def test_room_for_more_rows_keeps_the_others() -> None:
    detectors = make()
    feed(detectors, SERIES[0], 0)
    state = detectors.dump(0)
    detectors.resize(5)
    assert detectors.dump(0) == state


def altered(**fields) -> bytes:
    detectors = make()
    feed(detectors, SERIES[0], 0)
    row = np.frombuffer(detectors.dump(0), anomaly.DETECTOR).copy()
    for name, value in fields.items():
        row[name] = value
    return row.tobytes()


@pytest.mark.parametrize(
    "state",
    [
        b"x",
        altered()[:-1],
        altered() + b"\0",
        altered(seen=0),
        altered(seen=-3),
        altered(quiet=-1),
        altered(open=2),
        altered(level=math.nan),
        altered(error=math.inf),
        altered(error=-1.0),
        altered(point_deviation=-0.5),
    ],
)
def test_damaged_state_is_refused(state: bytes) -> None:
    detectors = make()
    feed(detectors, SERIES[1], 0)
    with pytest.raises(StateError, match="anomaly detector"):
        detectors.load(0, state)
    assert detectors.dump(0) == b""


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan, math.inf])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match="anomaly_threshold"):
        AnomalyDetectors(threshold=threshold)


def test_a_quiet_time_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="anomaly_quiet_steps"):
        AnomalyDetectors(quiet_steps=-1)


def test_defaults_are_the_exported_ones() -> None:
    values = SERIES[2]
    named = feed(make(threshold=THRESHOLD, quiet_steps=QUIET_STEPS), values, 0)
    np.testing.assert_array_equal(named[1], feed(make(), values, 0)[1])
