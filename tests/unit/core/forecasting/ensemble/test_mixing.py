"""Weights, contest and state tables against plain Python."""

import numpy as np
import pytest

from streams.core.forecasting.ensemble import layout
from streams.core.forecasting.ensemble.levels import common_experts
from streams.core.forecasting.ensemble.mixing import (
    horizon_experts,
    mix,
    open_anchor,
    profile_weights,
    score,
    shares,
)
from tests.kits.core.ensemble import blank_row, learn, make, scratch, season

K = layout.K


def weights_of(errors) -> np.ndarray:
    errors = np.asarray(errors, np.float64)
    raw = (errors.min() / errors) ** 16
    return raw / raw.sum()


def judged_row(seed: int = 0) -> np.void:
    """A row whose experts have errors, and whose stack has coefficients, at each anchor."""
    random = np.random.default_rng(seed)
    row = blank_row()
    row["mean_step"] = 1.0
    row["errors"] = random.uniform(0.9, 1.4, row["errors"].shape)
    row["contest"] = random.uniform(0.9, 1.1, row["contest"].shape)
    row["stack"] = random.uniform(-0.3, 0.3, row["stack"].shape)
    return row


@pytest.mark.parametrize("j", range(layout.J))
def test_shares_fall_with_the_sixteenth_power_of_the_error(j: int) -> None:
    row, found = judged_row(j), np.empty(K)
    shares(row, j, found)
    assert found == pytest.approx(weights_of(row["errors"][j]), rel=1e-4)


@pytest.mark.parametrize("j", range(layout.J))
def test_mean_stack_and_best_are_weighed_against_each_other(j: int) -> None:
    row, x = judged_row(j), scratch()
    x[:19] = np.random.default_rng(j).uniform(-5, 5, 19)
    mix(row, j, x)
    mean = weights_of(row["errors"][j]) @ x[:K]
    level = x[layout.LEVEL_FAST]
    stack = level + row["stack"][j] @ (x[layout.REGRESSORS] - level)
    best = x[row["errors"][j].argmin()]
    assert x[layout.MIX] == pytest.approx(mean, rel=1e-4, abs=1e-5)
    assert x[layout.STACK] == pytest.approx(stack, rel=1e-4, abs=1e-5)
    assert x[layout.BEST] == best
    final = weights_of(row["contest"][j][:3]) @ [mean, stack, best]
    assert x[layout.FINAL] == pytest.approx(final, rel=1e-4, abs=1e-5)


def test_experts_without_errors_weigh_the_same() -> None:
    row, found = blank_row(), np.empty(K)
    open_anchor(row, 0)
    shares(row, 0, found)
    assert found[: layout.PROFILE_A] == pytest.approx(1 / layout.PROFILE_A)
    assert found[layout.PROFILE_A :] == pytest.approx(0)


def test_experts_that_cannot_speak_of_an_anchor_take_no_part() -> None:
    row, found = blank_row(), np.empty(K)
    row["season"] = 24
    open_anchor(row, layout.J - 1)
    shares(row, layout.J - 1, found)
    idle = [layout.STATE_VALUES, layout.STATE_RISE]
    assert found[idle] == pytest.approx(0)
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("reweighed", [0, 5])
def test_scoring_moves_each_error_at_the_rate_of_its_anchor(reweighed: int) -> None:
    row, j, t, scores, z = judged_row(), 2, 900, 400, np.float32(0.5)
    row["season"], row["reweighed"] = 24, 0 if reweighed == 0 else t - 2 * reweighed
    slot = row["slots"][0]
    slot[:] = np.random.default_rng(1).uniform(-2, 2, slot.size)
    slot[[layout.CLASS_VALUES, layout.CLASS_RISE, layout.SPREAD]] = 7, 9, 1
    errors, contest = row["errors"][j].copy(), row["contest"][j].copy()
    score(row, j, slot, z, t, scores)
    rate = max(1 - 0.996 ** layout.STRIDES[j], 1 / scores)
    if reweighed:
        rate = max(rate, 1 / (2 * reweighed / layout.STRIDES[j] + 1 + 8))
    assert row["errors"][j] == pytest.approx(
        errors + rate * (np.abs(slot[:K] - z) - errors), rel=1e-5
    )
    finals = slot[[layout.MIX, layout.STACK, layout.BEST, layout.FINAL]]
    assert row["contest"][j] == pytest.approx(
        contest + rate * (np.abs(finals - z) - contest), rel=1e-5
    )


def test_the_tables_learn_what_follows_a_state() -> None:
    row, x = blank_row(), scratch()
    row["mean_step"] = 1.0
    slot = row["slots"][0]
    slot[[layout.MEDIAN_72, layout.SPREAD]] = 10, 4
    slot[[layout.CLASS_VALUES, layout.CLASS_RISE]] = 124, 30
    for scores in range(1, 200):
        score(row, 0, slot, np.float32(13), scores, scores)  # three quarters of a spread above
    assert row["by_values"][0, 124] / 1024 == pytest.approx(0.75, abs=0.01)
    assert row["by_rise"][0, 30] / 1024 == pytest.approx(0.75, abs=0.01)
    assert np.count_nonzero(row["by_values"]) == 1
    x[[layout.MEDIAN_72, layout.SPREAD, layout.CLASS_VALUES, layout.CLASS_RISE]] = 20, 2, 124, 30
    horizon_experts(row, 0, 0, x)
    assert x[layout.STATE_VALUES] == pytest.approx(21.5, abs=0.02)
    assert x[layout.STATE_RISE] == pytest.approx(21.5, abs=0.02)


@pytest.mark.parametrize("j", range(layout.J))
def test_profile_weights_are_how_the_forecast_moves_with_the_profiles(j: int) -> None:
    ensemble = make()
    learn(ensemble, season(24 * 9, seed=j))
    row = ensemble._bank[0]

    def final() -> float:
        x = scratch()
        common_experts(row, x)
        horizon_experts(row, j, int(row["count"]) - 1, x)
        mix(row, j, x)
        return float(x[layout.FINAL])

    before, expected = final(), []
    for profile in (row["daily"][0], row["daily"][1], row["weekly"]):
        profile[:] += 1
        expected.append(final() - before)
        profile[:] -= 1
    found = np.empty(3)
    profile_weights(row, j, np.empty(layout.BEST), found)
    assert found == pytest.approx(np.array(expected), abs=1e-3)
    assert np.abs(found).max() > 0.1
