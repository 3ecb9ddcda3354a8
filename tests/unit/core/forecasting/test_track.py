import math

import numpy as np
import pytest

from streams.core.forecasting.track import (
    MEMBER,
    MEMORY,
    STEP_CHECK,
    STEP_SAMPLE,
    observe_many,
    score_member,
    step_of,
    tracks,
)

MINUTE = 60_000
WIDTH = 2.0
LEVEL = 0.9


def observe(track: np.ndarray, times, values=None, residuals=None) -> np.ndarray:
    """Learn into row 0; returns the relative errors."""
    times = np.asarray(times, np.int64)
    values = np.ones(times.size) if values is None else np.asarray(values, np.float64)
    residuals = np.full(times.size, math.nan) if residuals is None else np.asarray(residuals)
    relative = np.empty(times.size)
    rows = np.zeros(times.size, np.int64)
    observe_many(track, rows, times, values, residuals.astype(float), relative)
    return relative


def step_after(times) -> int:
    track = tracks(1)
    observe(track, times)
    return step_of(track[0])


def test_the_step_is_the_median_gap() -> None:
    assert step_after([0, 10, 30, 1000]) == 20


@pytest.mark.parametrize("timestamps", [[], [5], [5, 5, 5], [9, 8, 7]])
def test_without_two_timestamps_in_order_there_is_no_step(timestamps: list[int]) -> None:
    assert step_after(timestamps) == 0


def test_records_out_of_order_do_not_count() -> None:
    assert step_after([0, 100, 50, 150, 150, 250]) == 100


def test_jitter_and_an_outage_leave_the_step() -> None:
    random = np.random.default_rng(0)
    times = MINUTE * np.arange(1000) + random.integers(-9000, 9000, 1000)
    times[500:] += 50 * MINUTE
    track = tracks(1)
    observe(track, times[: STEP_SAMPLE + 1])
    step = step_of(track[0])
    assert step == pytest.approx(MINUTE, rel=0.1)
    observe(track, times[STEP_SAMPLE + 1 :])
    assert step_of(track[0]) == step


@pytest.mark.parametrize("step", [10_000, 600_000])
def test_a_new_step_is_found(step: int) -> None:
    track = tracks(1)
    observe(track, MINUTE * np.arange(200))
    observe(track, MINUTE * 200 + step * np.arange(3 * STEP_CHECK + STEP_SAMPLE + 2))
    assert step_of(track[0]) == step


def test_errors_are_plain_means_first_and_then_forget() -> None:
    random = np.random.default_rng(1)
    residuals = random.standard_normal(400)
    values = 10 + residuals
    track = tracks(1)
    observe(track, np.arange(400), values, residuals)
    error = square = percentage = 0.0
    for count, (value, residual) in enumerate(zip(values, residuals, strict=True), 1):
        rate = 1 / min(count, MEMORY)
        error += rate * (abs(residual) - error)
        square += rate * (residual**2 - square)
        percentage += rate * (abs(residual / value) - percentage)
    assert track["error"][0] == pytest.approx(error)
    assert track["variance"][0] == pytest.approx(square)
    assert track["percentage"][0] == pytest.approx(percentage)
    assert track["scored"][0] == 400
    assert track["long_error"][0] == pytest.approx(np.abs(residuals).mean())


def test_a_relative_error_is_a_half_when_it_is_as_large_as_usual() -> None:
    track = tracks(1)
    relative = observe(track, np.arange(4), residuals=[2.0, -2.0, 6.0, 0.0])
    assert math.isnan(relative[0])
    assert relative[1:].tolist() == [0.5, 0.75, 0.0]


@pytest.mark.spec("S1-033")
def test_values_of_zero_have_no_percentage() -> None:
    track = tracks(1)
    observe(track, np.arange(3), np.zeros(3), [1.0, 2.0, 3.0])
    assert track["percentages"][0] == 0
    assert track["error"][0] == 2.0


def test_members_keep_errors_of_their_own() -> None:
    members = np.zeros((2, 2), MEMBER)
    rows, values = np.array([0, 1, 0]), np.array([1.0, 1.0, 1.0])
    score_member(members, 1, rows, values, np.array([0.0, math.nan, 3.0]), WIDTH, LEVEL)
    assert members["scored"].tolist() == [[0, 2], [0, 0]]
    assert members["error"][0, 1] == 1.5


def test_coverage_is_the_share_of_values_inside() -> None:
    members = np.zeros((1, 1), MEMBER)
    sizes = np.concatenate([np.ones(50), np.tile([1.0] * 9 + [100.0], 35)])
    rows, zeros = np.zeros(400, np.int64), np.zeros(400)
    score_member(members, 0, rows[:50], zeros[:50], sizes[:50], WIDTH, LEVEL)
    assert members["coverage"][0, 0] > LEVEL
    score_member(members, 0, rows[50:], zeros[50:], sizes[50:], WIDTH, LEVEL)
    assert members["coverage"][0, 0] == pytest.approx(0.9, abs=0.03)
