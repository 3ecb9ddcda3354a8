"""Forecasts corrected by other metrics and the calendar."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.calendar import Calendar, CalendarConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.regression_memory import MATURE
from streams.core.forecasting.regressors import Regression, RegressorConfig
from streams.errors import ConfigError, StateError

STEP = 300_000
HOUR = 3_600_000
HORIZON = 24
QUEUE = RegressorConfig(metrics=("queue",))
EVERYTHING = RegressorConfig(
    metrics=("queue", "users"), hour=True, weekday=True, holidays=True, anchors=(1, 4)
)
GERMAN = Calendar(CalendarConfig(country="DE", zone="Europe/Berlin"))

Base = Callable[[int], np.ndarray]


class Replay(NamedTuple):
    """Absolute errors by target position, NaN where none; one row per step ahead."""

    base: np.ndarray
    corrected: np.ndarray
    regression: Regression

    def ratio(self, step: int, where: np.ndarray | None = None) -> float:
        chosen = np.isfinite(self.base[step - 1])
        if where is not None:
            chosen &= where
        assert chosen.sum() >= 20
        return float(self.corrected[step - 1][chosen].sum() / self.base[step - 1][chosen].sum())


def replay(
    regression: Regression,
    values: np.ndarray,
    base: Base,
    others: Mapping[str, np.ndarray],
    anchors: tuple[int, ...],
    step: int = STEP,
    start: int = 0,
    warm_up: float = 0.15,
) -> Replay:
    errors = np.full((2, HORIZON, values.size), math.nan)
    for position, value in enumerate(values.tolist()):
        timestamp = start + position * step
        mean = base(position)
        known = {name: float(column[position]) for name, column in others.items()}
        regression.observe(timestamp, step, value, mean[[each - 1 for each in anchors]], known)
        if position < warm_up * values.size or position % 3:
            continue
        corrected = regression.correct(timestamp, step, mean, known)
        steps = min(HORIZON, values.size - position - 1)
        for row, forecast in zip(errors, (mean, corrected), strict=True):
            ahead = values[position + 1 : position + 1 + steps]
            places = (np.arange(steps), np.arange(position + 1, position + 1 + steps))
            row[places] = np.abs(ahead - forecast[:steps])
    return Replay(errors[0], errors[1], regression)


def by_bank(values: np.ndarray, step: int = STEP) -> Base:
    """What the default models forecast; asked once for each position, in order."""
    bank = SeriesBank(ForecastConfig())
    bank.resize(1)

    def forecast(position: int) -> np.ndarray:
        here = slice(position, position + 1)
        bank.learn_many(np.zeros(1, np.int64), np.array([position * step]), values[here])
        found = bank.forecast(0, HORIZON, 0.8)
        return np.full(HORIZON, math.nan) if found is None else found.mean

    return forecast


def by_last_value(values: np.ndarray) -> Base:
    return lambda position: np.full(HORIZON, values[position])


def wandering(size: int, seed: int, persistence: float = 0.98) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(size)
    values = np.zeros(size)
    for position in range(1, size):
        values[position] = persistence * values[position - 1] + noise[position]
    return values


def delayed(values: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([np.zeros(steps), values[:-steps]])


# -- what helps -----------------------------------------------------------------------------------


@pytest.mark.spec("S1-199")
def test_a_leading_metric_makes_the_error_of_the_default_models_fall() -> None:
    queue = wandering(1600, seed=11)
    values = 100 + 3 * delayed(queue, 6) + np.random.default_rng(12).standard_normal(1600)
    found = replay(
        Regression(QUEUE), values, by_bank(values), {"queue": queue}, anchors=QUEUE.anchors
    )
    assert found.ratio(3) < 0.8
    assert found.ratio(6) < 0.4
    assert found.ratio(24) < 1.01
    (told,) = [
        each for each in found.regression.report() if (each.term, each.horizon) == ("queue", 6)
    ]
    assert told.heeded
    assert told.ratio < 0.4


@pytest.mark.parametrize("seed", [20, 21])
def test_a_metric_that_tells_nothing_does_no_harm(seed: int) -> None:
    values = 100 + wandering(2000, seed=seed, persistence=(0.98, 0.5)[seed % 2])
    queue = wandering(2000, seed=seed + 100)
    config = RegressorConfig(metrics=("queue",), hour=True)
    found = replay(
        Regression(config), values, by_last_value(values), {"queue": queue}, config.anchors
    )
    useless = [each for each in found.regression.report() if each.term == "queue"]
    assert len(useless) == len(config.anchors)
    assert all(each.ratio > 0.95 for each in useless)
    for step in (1, 3, 6, 12, 24):
        assert found.ratio(step) <= 1.01


def yearly_wave(days: int, per_day: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    """A daily wave that is nearly absent on holidays, and where those are."""
    step = 24 * HOUR // per_day
    times = start + step * np.arange(days * per_day)
    free = np.array([bool(GERMAN.holiday(int(time))) for time in times])
    wave = np.maximum(0, np.sin(2 * np.pi * np.arange(times.size) / per_day))
    noise = np.random.default_rng(5).standard_normal(times.size)
    return 100 + 60 * wave * np.where(free, 0.2, 1) + noise, free


@pytest.mark.spec("S1-196")
def test_a_holiday_ahead_is_forecast_as_past_holidays_were() -> None:
    per_day, start = 8, 1_609_455_600_000  # midnight in Berlin before 1 January 2021
    step = 24 * HOUR // per_day
    values, free = yearly_wave(2 * 365, per_day, start)
    assert free.sum() == 18 * per_day

    def yesterday(position: int) -> np.ndarray:
        places = position + 1 + np.arange(HORIZON) % per_day - per_day
        return values[np.maximum(places, 0)]

    config = RegressorConfig(holidays=True, anchors=(1, 8))
    regression = Regression(config, GERMAN)
    found = replay(regression, values, yesterday, {}, config.anchors, step, start)
    second_year = np.arange(values.size) > values.size // 2
    assert found.ratio(8, free & second_year) < 0.5
    after = np.concatenate([np.zeros(per_day, np.bool_), free[:-per_day]])
    assert found.ratio(8, after & ~free & second_year) < 0.7
    assert found.ratio(8, ~(free | after)) == 1

    # the next holiday: 1 January 2023, seen from the morning before
    newest = values.size - 5
    mean = yesterday(newest)
    corrected = regression.correct(start + newest * step, step, mean, {})
    ahead = [bool(GERMAN.holiday(start + (newest + 1 + each) * step)) for each in range(HORIZON)]
    assert ahead == [False] * 4 + [True] * 8 + [False] * 12
    np.testing.assert_array_equal(corrected[~np.array(ahead)], mean[~np.array(ahead)])
    peak = 4 + per_day // 4
    assert mean[peak] > 150
    assert corrected[peak] == pytest.approx(112, abs=8)


def test_the_hour_helps_a_forecast_that_knows_none() -> None:
    hours = np.arange(2500) / 12
    values = 50 + 20 * np.sin(2 * np.pi * hours / 24)
    values += np.random.default_rng(3).standard_normal(2500)
    config = RegressorConfig(hour=True)
    found = replay(Regression(config), values, by_last_value(values), {}, config.anchors)
    assert found.ratio(24) < 0.6
    assert [each.term for each in found.regression.report()] == ["hour"] * 3


def test_the_weekday_helps_a_forecast_that_knows_none() -> None:
    days = np.arange(6 * 400) // 6
    values = 50 - 20.0 * (days % 7 >= 5) + np.random.default_rng(3).standard_normal(days.size)
    config = RegressorConfig(weekday=True, anchors=(1, 6))
    found = replay(
        Regression(config), values, by_last_value(values), {}, config.anchors, step=4 * HOUR
    )
    assert found.ratio(6) < 0.8


def test_a_weekday_is_not_heeded_before_it_has_come_back() -> None:
    values = 100.0 + 50 * (np.arange(14 * 24) >= 9 * 24)  # a step is no Tuesday
    values += np.random.default_rng(4).standard_normal(values.size)
    config = RegressorConfig(weekday=True, anchors=(1,))
    regression = Regression(config)
    for position, value in enumerate(values.tolist()):
        regression.observe(position * HOUR, HOUR, value, [100.0], {})
        assert not any(each.heeded for each in regression.report())
        mean = np.full(5, 100.0)
        np.testing.assert_array_equal(regression.correct(position * HOUR, HOUR, mean, {}), mean)
    assert regression.report()[0].ratio < 0.98  # it would be


# -- what is applied ------------------------------------------------------------------------------


def taught(size: int = 600) -> tuple[Regression, np.ndarray, np.ndarray]:
    """A regression that heeds a metric which leads by six steps."""
    queue = wandering(size, seed=1)
    values = 100 + 3 * delayed(queue, 6)
    regression = Regression(QUEUE)
    replay(regression, values, by_last_value(values), {"queue": queue}, QUEUE.anchors)
    assert any(each.heeded for each in regression.report())
    return regression, values, queue


def test_what_is_applied_at_an_anchor_is_what_was_scored() -> None:
    regression, values, queue = taught()
    at, known = 599 * STEP, {"queue": float(queue[-1])}
    mean = np.full(HORIZON, values[-1])
    corrected = regression.correct(at, STEP, mean, known)
    six = next(waiting for waiting in regression._waiting if waiting.horizon == 6)
    place = int(regression._observed[0] - 1) % 6
    assert six.applied[place].any()
    assert corrected[5] - mean[5] == pytest.approx(six.applied[place].sum())
    np.testing.assert_allclose(corrected, regression.correct(at, STEP, mean, {}))


def test_newer_regressors_count_and_nothing_is_changed_by_asking() -> None:
    regression, values, queue = taught()
    before = regression.dump()
    mean = np.full(HORIZON, values[-1])
    given_mean = mean.copy()
    low, high = (
        regression.correct(599 * STEP, STEP, mean, {"queue": queue[-1] + shift})[5]
        for shift in (-5.0, 5.0)
    )
    assert high > low + 5
    assert regression.dump() == before
    np.testing.assert_array_equal(mean, given_mean)


def test_beyond_the_last_anchor_what_a_metric_says_fades() -> None:
    regression, values, queue = taught()
    for anchor in range(3):  # heeded at the last anchor, too
        regression._models[1].state[2]["heeded"][anchor] = 1
    mean = np.full(168, values[-1])
    shift = regression.correct(599 * STEP, STEP, mean, {"queue": queue[-1] + 9}) - mean
    assert shift[23] != 0
    assert shift[47] == pytest.approx(shift[23] / 2)
    assert abs(shift[167]) < abs(shift[23]) / 6


@pytest.mark.parametrize(
    ("step", "mean"), [(0, np.ones(5)), (STEP, np.full(5, math.nan)), (STEP, np.ones(5))]
)
def test_a_fresh_regression_or_an_unusable_forecast_corrects_nothing(
    step: int, mean: np.ndarray
) -> None:
    np.testing.assert_array_equal(Regression(QUEUE).correct(0, step, mean, {}), mean)
    regression, _, _ = taught()
    if step == 0 or math.isnan(mean[0]):
        np.testing.assert_array_equal(regression.correct(0, step, mean, {}), mean)


def test_without_terms_nothing_happens() -> None:
    regression = Regression(RegressorConfig())
    for position in range(50):
        regression.observe(position * STEP, STEP, float(position % 3), np.ones(3), {"queue": 1.0})
    np.testing.assert_array_equal(regression.correct(0, STEP, np.ones(5), {}), np.ones(5))
    assert regression.report() == ()


def test_a_value_after_a_gap_or_out_of_order_is_not_taken_for_the_target() -> None:
    regression = Regression(RegressorConfig(hour=True, anchors=(1,)))
    for early in range(MATURE):
        regression.observe((early - MATURE) * STEP, STEP, 1.0, [math.nan], {})
    times = [0, STEP, 2 * STEP, 100 * STEP, 99 * STEP - HOUR, 50 * STEP, 51 * STEP]
    for time in times:
        regression.observe(time, STEP, 1.0, [0.0], {})
    # 0 -> 1, 1 -> 2 and 50 -> 51 are one step; the jumps and the way back are not
    assert [each.scored for each in regression.report()] == [3]


# -- state ----------------------------------------------------------------------------------------

number = st.floats(-1e300, 1e300) | st.just(math.nan) | st.just(math.inf)
moments = st.lists(
    st.tuples(
        st.integers(0, 3) | st.just(500),
        st.floats(allow_nan=False, allow_infinity=False),
        st.tuples(number, number),
        st.dictionaries(st.sampled_from(["queue", "users", "other"]), number),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(moments=moments, restart=st.integers(1, 10))
def test_restarts_change_nothing_and_everything_stays_finite(
    moments: list[tuple[int, float, tuple[float, float], dict[str, float]]], restart: int
) -> None:
    whole, current = Regression(EVERYTHING, GERMAN), Regression(EVERYTHING, GERMAN)
    size, timestamp = len(whole.dump()), 1_700_000_000_000
    for position, (steps, value, forecasts, known) in enumerate(moments):
        timestamp += steps * HOUR
        for each in (whole, current):
            each.observe(timestamp, HOUR, value, forecasts, known)
        if position % restart == 0:
            again = Regression(EVERYTHING, GERMAN)
            again.load(current.dump())
            current = again
    assert current.dump() == whole.dump()
    assert len(whole.dump()) == size
    mean = np.linspace(-5, 5, 30)
    corrected = whole.correct(timestamp, HOUR, mean, {"queue": 1.0})
    assert np.isfinite(corrected).all()
    np.testing.assert_array_equal(current.correct(timestamp, HOUR, mean, {"queue": 1.0}), corrected)
    assert all(math.isfinite(each.ratio) for each in whole.report())


def test_a_restart_in_use_continues_bit_for_bit() -> None:
    regression, values, queue = taught()
    again = Regression(QUEUE)
    again.load(regression.dump())
    for position in range(50):
        for each in (regression, again):
            known = {"queue": float(queue[position])}
            each.observe((600 + position) * STEP, STEP, values[position], np.ones(3), known)
    assert again.dump() == regression.dump()
    assert again.report() == regression.report()


def test_damage_is_noticed_and_leaves_it_fresh() -> None:
    regression, _, _ = taught()
    data, fresh = regression.dump(), Regression(QUEUE).dump()
    for bad in (b"", data[:-1], data[:99] + bytes([data[99] ^ 1]) + data[100:]):
        with pytest.raises(StateError, match="damaged"):
            regression.load(bad)
        assert regression.dump() == fresh
    with pytest.raises(StateError, match="size"):
        Regression(EVERYTHING, GERMAN).load(data)


def test_the_version_tells_what_can_be_loaded() -> None:
    versions = {
        Regression(config, GERMAN).state_version
        for config in (
            QUEUE,
            EVERYTHING,
            RegressorConfig(metrics=("users",)),
            RegressorConfig(metrics=("queue",), lags=(0, 1)),
            RegressorConfig(metrics=("queue",), anchors=(1, 2)),
        )
    }
    assert len(versions) == 5
    assert Regression(QUEUE).state_version == Regression(QUEUE, GERMAN).state_version


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics", ("a", "a")),
        ("metrics", ("hour",)),
        ("lags", ()),
        ("lags", (-1, 0)),
        ("lags", (1, 0)),
        ("anchors", (0, 1)),
        ("anchors", (1, 169)),
        ("anchors", (1, 1)),
        ("forgetting", 0.0),
        ("ratio", 1.1),
    ],
)
def test_a_setting_out_of_range_is_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        RegressorConfig(**{field: value})
    assert caught.value.field == field


def test_holidays_need_a_calendar_that_has_them() -> None:
    with pytest.raises(ConfigError, match="country"):
        Regression(RegressorConfig(holidays=True))
