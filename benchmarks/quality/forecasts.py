"""Part 1: errors of the forecasts relative to the last value, pinball losses, coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.core.forecasting.evaluation import pinball_loss

HORIZONS = (1, 12, 24, 72)
EVERY = 8
"""Values from one question to the next."""
LEAST_RATIO = 1e-6
"""Taken for a ratio of 0, so that one perfect forecast does not make a mean perfect."""


class Asked:
    """Forecasts of one series that are compared with the values to come."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self._rows: list[list[tuple[float, ...]]] = [[] for _ in HORIZONS]

    def take(self, position: int, steps: Sequence[tuple[float, float, float]]) -> None:
        """A forecast made when the value at ``position`` was the newest."""
        for rows, horizon in zip(self._rows, HORIZONS, strict=True):
            if position + horizon < len(self._values):
                actual, last = self._values[position + horizon], self._values[position]
                rows.append((*steps[horizon - 1], actual, last))

    def scores(self) -> list[HorizonScore]:
        return [
            _score(horizon, np.array(rows).reshape(-1, 5).T)
            for horizon, rows in zip(HORIZONS, self._rows, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class HorizonScore:
    """One series, that many steps ahead. Losses in the unit of the series."""

    horizon: int
    forecasts: int
    error: float
    """Mean absolute error."""
    naive: float
    """That of the last value."""
    pinball10: float
    pinball90: float
    inside: int
    """Values inside [q10, q90]."""


def _score(horizon: int, columns: np.ndarray) -> HorizonScore:
    mean, low, high, actual, last = columns
    if not actual.size:
        return HorizonScore(horizon, 0, math.nan, math.nan, math.nan, math.nan, 0)
    return HorizonScore(
        horizon=horizon,
        forecasts=actual.size,
        error=float(np.abs(mean - actual).mean()),
        naive=float(np.abs(last - actual).mean()),
        pinball10=float(pinball_loss(low, actual, 0.1).mean()),
        pinball90=float(pinball_loss(high, actual, 0.9).mean()),
        inside=int(np.count_nonzero((low <= actual) & (actual <= high))),
    )


@dataclass(frozen=True, slots=True)
class HorizonSummary:
    """Over several series, that many steps ahead; NaN over none."""

    horizon: int
    series: int
    over_naive: float
    """Error relative to that of the last value, geometric mean: the ratio of their MASE."""
    pinball10: float
    """Loss of the 10 % quantile relative to the error of the last value, geometric mean."""
    pinball90: float
    coverage: float
    """Share of values inside [q10, q90], median over the series."""
    coverage_overall: float
    """The share of all values of all series."""


def summary(scores: Sequence[Sequence[HorizonScore]]) -> list[HorizonSummary]:
    """Means over series, by horizon. A series whose last value is never wrong is left out."""
    return [
        _summary(horizon, [each[place] for each in scores if each[place].naive > 0])
        for place, horizon in enumerate(HORIZONS)
    ]


def _summary(horizon: int, scores: list[HorizonScore]) -> HorizonSummary:
    asked = sum(each.forecasts for each in scores)
    return HorizonSummary(
        horizon=horizon,
        series=len(scores),
        over_naive=_geometric([each.error / each.naive for each in scores]),
        pinball10=_geometric([each.pinball10 / each.naive for each in scores]),
        pinball90=_geometric([each.pinball90 / each.naive for each in scores]),
        coverage=_median([each.inside / each.forecasts for each in scores]),
        coverage_overall=sum(each.inside for each in scores) / asked if asked else math.nan,
    )


def _geometric(ratios: list[float]) -> float:
    if not ratios:
        return math.nan
    return math.exp(math.fsum(math.log(max(each, LEAST_RATIO)) for each in ratios) / len(ratios))


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else math.nan
