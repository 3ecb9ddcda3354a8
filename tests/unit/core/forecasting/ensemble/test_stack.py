"""The regression against recursive least squares in plain NumPy."""

import numpy as np
import pytest

from streams.core.forecasting.ensemble import layout
from streams.core.forecasting.ensemble.stack import begin_stack, learn_stack, stack_forecast
from tests.kits.core.ensemble import blank_row

R, REGRESSORS, LEVEL = layout.R, layout.REGRESSORS, layout.LEVEL_FAST
FORGET = 0.9995


class Regression:
    """Recursive least squares with forgetting and Huber weights."""

    def __init__(self) -> None:
        self.covariance = 0.2 * np.eye(R)
        self.coefficients = np.zeros(R)

    def learn(self, inputs: np.ndarray, target: float, usual: float) -> None:
        error = target - self.coefficients @ inputs
        weight = np.clip(0.5 * usual / abs(error), 1e-3, 1)
        spread = self.covariance @ inputs
        gain = spread / (FORGET / weight + inputs @ spread)
        self.coefficients += gain * error
        self.covariance = (self.covariance - np.outer(gain, spread)) / FORGET


def begun(usual: float = 1.0, mean_step: float = 1.0) -> np.void:
    row = blank_row()
    row["mean_step"] = mean_step
    row["contest"][:, 1] = usual
    begin_stack(row, 0)
    return row


def learn(row: np.void, slot: np.ndarray, target: float) -> None:
    learn_stack(row, 0, slot, np.float32(target), np.zeros(R, "f4"), np.zeros(R, "f4"))


def slots(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, layout.WIDTH)).astype(np.float32)


def test_without_coefficients_it_forecasts_the_fast_level() -> None:
    slot = slots(1)[0]
    assert stack_forecast(begun(), 0, slot) == slot[LEVEL]


@pytest.mark.parametrize("mean_step", [1.0, 250.0])
def test_it_is_recursive_least_squares(mean_step: float) -> None:
    random = np.random.default_rng(2)
    row, twin = begun(0.7 * mean_step, mean_step), Regression()
    truth = random.normal(0, 0.4, R)
    for slot in mean_step * slots(300):
        inputs = (slot[REGRESSORS] - slot[LEVEL]) / mean_step
        wild = 30 if random.random() < 0.05 else 0.5
        target = truth @ inputs + wild * random.standard_normal()
        learn(row, slot, slot[LEVEL] + mean_step * target)
        twin.learn(inputs, target, 0.7)
    assert row["stack"][0] == pytest.approx(twin.coefficients, abs=2e-3)
    assert row["covariance"][0] == pytest.approx(twin.covariance, abs=2e-3)
    assert row["stack"][0] == pytest.approx(truth, abs=0.3)


def test_outliers_hardly_move_it() -> None:
    def coefficients(outlier: float) -> np.ndarray:
        row = begun(0.1)
        for number, slot in enumerate(slots(400)):
            target = slot[LEVEL] + 0.5 * (slot[0] - slot[LEVEL])
            learn(row, slot, target + (outlier if number % 20 == 19 else 0))
        return row["stack"][0].copy()

    assert np.abs(coefficients(100) - coefficients(0)).max() < 0.15


def test_inputs_that_say_nothing_new_leave_the_covariance_bounded() -> None:
    row, slot = begun(), slots(1)[0]
    for _ in range(60_000):
        learn(row, slot, 1.0)
    assert np.isfinite(row["covariance"][0]).all()
    assert 0 < np.trace(row["covariance"][0]) <= 1.01e3 * R


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e30])
def test_a_number_too_large_makes_it_start_anew(value: float) -> None:
    row, inputs = begun(), slots(100)
    for slot in inputs:
        learn(row, slot, 1.0)
    hit = inputs[0].copy()
    hit[0] = value
    learn(row, hit, 1.0)
    for slot in inputs:
        learn(row, slot, 1.0)
    assert np.isfinite(row["stack"][0]).all()
    assert np.isfinite(row["covariance"][0]).all()
    assert (np.abs(row["stack"][0]) < 1e3).all()
