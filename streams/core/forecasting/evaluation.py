"""How good forecasts are: errors of given predictions, and prequential evaluation of a series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streams.core.kernel.batch import BoolArray, FloatArray, IntArray
from streams.errors import ConfigError

LARGEST_SHARE = 1e12
"""Error relative to its value beyond which none is told apart, so that no mean overflows."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of predictions, over the steps that have both a prediction and a value."""

    mae: float | None
    """Mean absolute error, in the metric's unit; None without such a step, as are the others."""
    rmse: float | None
    """Root of the mean squared error."""
    mape: float | None
    """Mean of |error / value| in percent, over values that are not 0; None when all are."""
    horizon_evaluated: int
    """Steps that have both."""


def accuracy(
    predictions: Sequence[float] | FloatArray, actuals: Sequence[float] | FloatArray
) -> Accuracy:
    """Compare predictions with what came, step by step from the first.

    The shorter of the two decides how far; a step at which either is not finite is left out.
    """
    steps = min(len(predictions), len(actuals))
    predicted = np.asarray(predictions, np.float64)[:steps]
    actual = np.asarray(actuals, np.float64)[:steps]
    both = np.isfinite(predicted) & np.isfinite(actual)
    predicted, actual = predicted[both], actual[both]
    if not actual.size:
        return Accuracy(None, None, None, 0)
    error = np.abs(actual - predicted)
    nonzero = actual != 0
    sizes = np.abs(actual[nonzero])
    shares = np.minimum(error[nonzero], LARGEST_SHARE * sizes) / sizes
    return Accuracy(
        mae=float(error.mean()),
        rmse=_root_mean_square(error),
        mape=100 * float(shares.mean()) if shares.size else None,
        horizon_evaluated=int(actual.size),
    )


def _root_mean_square(errors: FloatArray) -> float:
    # squares of errors relative to the largest can neither overflow nor all vanish
    largest = float(errors.max())
    return largest * math.sqrt(float(np.mean((errors / largest) ** 2))) if largest else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked while a series is replayed. Raises ConfigError for a value out of range."""

    horizons: tuple[int, ...] = (1, 12, 24, 72)
    """Steps ahead, ascending."""
    warm_up: float = 0.15
    """Share of the series, 0 to below 1, that is learned before the first forecast."""
    every: int = 8
    """Values from one forecast to the next."""
    level: float = 0.8
    """Probability mass of the interval, 0..1 exclusive."""
    method: str = ""
    """The model to ask; empty for the first one that is ready."""

    def __post_init__(self) -> None:
        ascending = bool(self.horizons) and list(self.horizons) == sorted(set(self.horizons))
        valid = ascending and self.horizons[0] >= 1
        _require(valid, "horizons", self.horizons, "use whole numbers from 1, each once, ascending")
        _require(0 <= self.warm_up < 1, "warm_up", self.warm_up, "use 0 to below 1")
        _require(self.every >= 1, "every", self.every, "use 1 or more")
        _require(0 < self.level < 1, "level", self.level, "use a number between 0 and 1")


@dataclass(frozen=True, slots=True, eq=False)
class HorizonForecasts:
    """Forecasts that many steps ahead, with the values that came; arrays of equal length."""

    horizon: int
    targets: IntArray
    """Positions of the values that were forecast."""
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    actual: FloatArray
    naive: FloatArray
    """Newest value at the time of the forecast."""


@dataclass(frozen=True, slots=True)
class HorizonScore:
    """Errors of the forecasts that many steps ahead; None where there is nothing to compare."""

    horizon: int
    forecasts: int
    mae: float | None
    rmse: float | None
    mape: float | None
    """Percent, values of 0 left out."""
    mase: float | None
    """Mean absolute error over that of the newest value as forecast, made at the same times."""
    coverage: float | None
    """Share of values inside their interval."""
    pinball: float | None
    """Mean pinball loss of the interval's two bounds, in the metric's unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What came of replaying one series."""

    points: int
    step_ms: int
    """Time between two values; 0 when the timestamps do not show one."""
    methods: tuple[str, ...]
    """Models that forecasts came from, in the order of their first one."""
    scores: tuple[HorizonScore, ...]
    forecasts: tuple[HorizonForecasts, ...]
    alarms: IntArray
    """Positions at which an anomaly began."""


class Noticed(Protocol):
    """What an evaluation reads of a learned batch."""

    @property
    def alarm(self) -> BoolArray: ...


class Forecast(Protocol):
    """What an evaluation reads of a forecast: arrays over steps 1 to the horizon."""

    @property
    def method(self) -> str: ...
    @property
    def mean(self) -> FloatArray: ...
    @property
    def lower(self) -> FloatArray: ...
    @property
    def upper(self) -> FloatArray: ...


class Bank(Protocol):
    """The part of ``SeriesBank`` that an evaluation needs."""

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> Noticed: ...

    def forecast(
        self, row: int, horizon: int, level: float, method: str = ""
    ) -> Forecast | None: ...

    def step_ms(self, row: int) -> int: ...


def evaluate(
    bank: Bank, row: int, timestamps: IntArray, values: FloatArray, plan: Plan
) -> Evaluation:
    """Replay one series (timestamps in ms) into a fresh row of the bank, asking before telling.

    Every value is learned, in the given order. Past the warm-up a forecast is asked for after
    every ``plan.every``-th value and compared with the values at the horizons, which the bank has
    not seen by then. Horizons count values, whatever the time between them. A forecast that the
    bank does not give yet is left out.
    """
    gathered = [_Gathered(horizon) for horizon in plan.horizons]
    alarms: list[IntArray] = []
    methods: dict[str, None] = {}
    learned = 0
    for stop in _stops(values.size, plan):
        part = slice(learned, stop)
        rows = np.full(stop - learned, row, np.int64)
        alarm = bank.learn_many(rows, timestamps[part], values[part]).alarm
        alarms.append(learned + np.flatnonzero(alarm))
        learned = stop
        found = None
        if stop < values.size:
            found = bank.forecast(row, plan.horizons[-1], plan.level, plan.method)
        if found is not None:
            methods[found.method] = None
            for each in gathered:
                each.take(found, stop - 1, values)
    forecasts = tuple(each.forecasts(values) for each in gathered)
    return Evaluation(
        points=values.size,
        step_ms=bank.step_ms(row),
        methods=tuple(methods),
        scores=tuple(score(each, plan.level) for each in forecasts),
        forecasts=forecasts,
        alarms=np.concatenate([np.empty(0, np.int64), *alarms]),
    )


def _stops(points: int, plan: Plan) -> list[int]:
    """Numbers of values after which a forecast is asked for, and the number of all values."""
    first = max(math.ceil(plan.warm_up * points), 1)
    return [*range(first, points, plan.every), points] if points else []


class _Gathered:
    """Forecasts for one horizon while the replay goes on."""

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        self._rows: list[tuple[int, float, float, float]] = []

    def take(self, found: Forecast, position: int, values: FloatArray) -> None:
        """Keep one forecast made when the value at ``position`` was the newest."""
        target, step = position + self._horizon, self._horizon - 1
        if target < values.size:
            bounds = (float(found.lower[step]), float(found.upper[step]))
            self._rows.append((target, float(found.mean[step]), *bounds))

    def forecasts(self, values: FloatArray) -> HorizonForecasts:
        columns = np.array(self._rows, np.float64).reshape(-1, 4).T
        targets = np.array([row[0] for row in self._rows], np.int64)
        return HorizonForecasts(
            horizon=self._horizon,
            targets=targets,
            mean=columns[1],
            lower=columns[2],
            upper=columns[3],
            actual=values[targets],
            naive=values[targets - self._horizon],
        )


def score(forecasts: HorizonForecasts, level: float) -> HorizonScore:
    """Errors of forecasts whose interval should hold the share ``level`` of the values."""
    actual, lower, upper = forecasts.actual, forecasts.lower, forecasts.upper
    own, naive = accuracy(forecasts.mean, actual), accuracy(forecasts.naive, actual)
    coverage = pinball = None
    if actual.size:
        tail = (1 - level) / 2
        losses = pinball_loss(lower, actual, tail) + pinball_loss(upper, actual, 1 - tail)
        pinball = float(losses.mean()) / 2
        coverage = float(np.mean((lower <= actual) & (actual <= upper)))
    return HorizonScore(
        horizon=forecasts.horizon,
        forecasts=actual.size,
        mae=own.mae,
        rmse=own.rmse,
        mape=own.mape,
        mase=own.mae / naive.mae if own.mae is not None and naive.mae else None,
        coverage=coverage,
        pinball=pinball,
    )


def pinball_loss(quantile: FloatArray, actual: FloatArray, probability: float) -> FloatArray:
    """Loss of predicted quantiles (Koenker and Bassett, 1978): least, on average, for the true
    ones. One entry per value, in its unit."""
    above = actual - quantile
    return np.maximum(probability * above, (probability - 1) * above)


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        raise ConfigError("argument out of range", field=name, value=value, remedy=remedy)
