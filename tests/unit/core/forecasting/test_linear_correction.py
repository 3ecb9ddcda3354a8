"""A linear model of errors, heeded while it does good."""

from __future__ import annotations

import numpy as np
import pytest

from streams.core.forecasting.linear_correction import MOST_UNCERTAIN, LinearCorrection


def make(features: int = 3, *, forgetting: float = 1.0, trial: int = 50) -> LinearCorrection:
    return LinearCorrection([trial, trial], features, forgetting=forgetting, ratio=0.98)


def teach(
    model: LinearCorrection, features: np.ndarray, errors: np.ndarray, horizon: int = 0
) -> None:
    for known, error in zip(features, errors, strict=True):
        expected = float(model.predict(known[np.newaxis])[0, horizon])
        model.learn(horizon, known, float(error), expected)


def sample(size: int, features: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((size, features)), generator.standard_normal(size)


def test_it_learns_what_ridge_regression_finds() -> None:
    known, noise = sample(300)
    errors = known @ [2.0, -1.0, 0.5] + 0.5 * noise
    model = make()
    teach(model, known, errors)
    ridge = np.linalg.solve(known.T @ known + np.eye(3), known.T @ errors)
    probe = np.eye(3) * 0.1
    np.testing.assert_allclose(model.predict(probe)[:, 0], probe @ ridge, rtol=0.03)


def test_it_is_heeded_only_where_it_helps_and_after_the_trial() -> None:
    known, noise = sample(60)
    errors = known @ [2.0, -1.0, 0.5] + 0.1 * noise
    model = make(trial=50)
    teach(model, known[:49], errors[:49])
    assert not model.heeded.any()
    teach(model, known[49:], errors[49:])
    assert model.heeded.tolist() == [True, False]
    assert model.ratios[0] < 0.5
    assert model.scored.tolist() == [60, 0]
    assert model.ratios[1] == 1


@pytest.mark.parametrize("seed", range(5))
def test_features_that_say_nothing_are_not_heeded(seed: int) -> None:
    known, noise = sample(1000, seed=seed)
    model = make(forgetting=0.999)
    teach(model, known, noise)
    assert not model.heeded.any()


def test_what_no_longer_helps_is_soon_not_heeded() -> None:
    known, noise = sample(3000)
    errors = known @ [2.0, -1.0, 0.5] + 0.1 * noise
    model = make()
    teach(model, known[:2000], errors[:2000])
    assert model.heeded[0]
    for position in range(2000, 2400):  # the same features now mislead
        expected = float(model.predict(known[[position]])[0, 0])
        model.learn(0, known[position], -3 * expected, expected)
        if not model.heeded[0]:
            break
    assert not model.heeded[0]
    assert position < 2300


def test_features_of_nothing_change_nothing() -> None:
    model = make()
    before = [array.tobytes() for array in model.state]
    model.learn(0, np.zeros(3), 5.0, 0.0)
    assert [array.tobytes() for array in model.state] == before


def test_an_outlier_moves_the_coefficients_little() -> None:
    known, noise = sample(300)
    errors = known @ [2.0, -1.0, 0.5] + 0.1 * noise
    model, struck = make(), make()
    teach(model, known, errors)
    errors[250] = 1e6
    teach(struck, known, errors)
    probe = np.eye(3) * 0.1
    np.testing.assert_allclose(struck.predict(probe)[:, 0], model.predict(probe)[:, 0], atol=0.02)


def test_predictions_are_never_larger_than_the_largest_error() -> None:
    known, _ = sample(300)
    model = make()
    teach(model, known, known @ [2.0, -1.0, 0.5])
    largest = np.abs(known @ [2.0, -1.0, 0.5]).max()
    assert model.predict(np.full((1, 3), 1e9))[0, 0] == pytest.approx(largest)


@pytest.mark.parametrize("size", [0.0, 1e-200, 1e100])
def test_it_stays_finite_and_bounded(size: int) -> None:
    model = make(forgetting=0.9)
    known = np.tile([1.0, 0.0, 0.0], (3000, 1))  # two features never vary
    teach(model, known, size * (-1.0) ** np.arange(3000))
    coefficients, covariances, _ = model.state
    assert np.isfinite(coefficients).all()
    assert np.isfinite(covariances).all()
    assert np.trace(covariances[0]) <= 3 * MOST_UNCERTAIN * 1.001
    assert (covariances[0].diagonal() > 0).all()
