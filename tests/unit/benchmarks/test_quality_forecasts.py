"""Errors over the last value's, pinball losses and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.quality.forecasts import HORIZONS, Asked, HorizonScore, summary


def asked(values: list[float], forecast: tuple[float, float, float]) -> list[HorizonScore]:
    """Scores of the same forecast for every step, asked for after every value."""
    found = Asked(np.array(values))
    for position in range(len(values)):
        found.take(position, [forecast] * HORIZONS[-1])
    return found.scores()


def test_a_forecast_is_compared_with_the_value_so_many_steps_later() -> None:
    values = [float(value) for value in range(100)]
    found = Asked(np.array(values))
    for position in range(100):
        found.take(position, [(position + step, 0.0, 1000.0) for step in range(1, 73)])
    for score in found.scores():
        assert score.error == 0
        assert score.naive == score.horizon
        assert score.forecasts == score.inside == 100 - score.horizon


def test_losses_and_coverage() -> None:
    one = asked([0.0, 4.0], (1.0, -1.0, 3.0))[0]
    assert (one.forecasts, one.error, one.naive, one.inside) == (1, 3.0, 4.0, 0)
    assert one.pinball10 == pytest.approx(0.1 * 5)
    assert one.pinball90 == pytest.approx(0.9 * 1)


def test_means_are_geometric_and_coverage_is_a_median() -> None:
    def score(error: float, inside: int, forecasts: int) -> list[HorizonScore]:
        return [HorizonScore(h, forecasts, error, 2.0, 1.0, 4.0, inside) for h in HORIZONS]

    found = summary([score(1.0, 8, 10), score(4.0, 9, 10), score(2.0, 10, 80)])
    assert [each.horizon for each in found] == list(HORIZONS)
    assert found[0].over_naive == pytest.approx(1.0)
    assert (found[0].pinball10, found[0].pinball90) == pytest.approx((0.5, 2.0))
    assert found[0].coverage == 0.8
    assert found[0].coverage_overall == 0.27
    assert found[0].series == 3


def test_a_constant_series_and_a_short_one_have_no_say() -> None:
    constant, varying = asked([1.0] * 100, (1.0, 1.0, 1.0)), asked([0.0, 1.0] * 50, (0.5, 0, 1))
    short = asked([0.0, 1.0], (0.5, 0, 1))
    found = summary([constant, varying, short])
    assert [each.series for each in found] == [2, 0, 0, 0]  # an even step is never wrong either
    assert found[0].over_naive == pytest.approx(0.5)
    assert math.isnan(found[3].over_naive)
    assert math.isnan(found[3].coverage_overall)
