import math

import numpy as np
import pytest

from streams.core.forecasting import ensemble

NAN = math.nan


@pytest.mark.parametrize(
    ("errors", "ready", "expected"),
    [
        ([1.0, 2.0], [True, True], [1.0, 1 / 16]),
        ([1.0, 2.0], [False, True], [0.0, 1.0]),
        ([2.0, NAN], [True, True], [1.0, 0.0]),
        ([NAN, NAN], [True, True], [1.0, 1.0]),
        ([NAN, 1.0], [True, False], [1.0, 0.0]),
        ([0.0, 1e-9], [True, True], [1.0, 0.0]),
        ([0.0, 0.0], [True, True], [1.0, 1.0]),
        ([1e100, 1e-300], [True, True], [0.0, 1.0]),
    ],
)
def test_a_member_weighs_the_inverse_fourth_power_of_its_error(
    errors: list[float], ready: list[bool], expected: list[float]
) -> None:
    assert ensemble.weights(errors, ready) == expected


def test_members_are_averaged_by_weight() -> None:
    assert ensemble.mix([10.0, 20.0, NAN], [1.0, 0.25, 0.0]) == 12.0
    mixed = ensemble.mix([np.array([1.0, 2.0]), np.array([3.0, 6.0])], [1.0, 1.0])
    assert mixed.tolist() == [2.0, 4.0]


def test_equal_members_give_exactly_themselves() -> None:
    assert ensemble.mix([0.1, 0.1, 0.1], [0.3, 1.0, 0.7]) == 0.1


def test_errors_are_running_means_and_a_missing_forecast_is_passed_over() -> None:
    errors = [NAN, NAN]
    ensemble.update(errors, [1.0, NAN], 3.0)
    assert errors[0] == 2.0
    assert math.isnan(errors[1])
    ensemble.update(errors, [3.0, 7.0], 3.0)
    assert errors == [pytest.approx(2 * (1 - ensemble.RATE)), 4.0]
