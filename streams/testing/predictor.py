"""The shipped default as a plain object for one series, to be run against any benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.bounds import MAGNITUDE
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.model_results import Learned

LEVEL = 0.8
"""Mass of the interval between the 10 % and the 90 % quantile."""
Z90 = 1.2815515655446004
"""The 90 % quantile of the standard normal distribution."""
FIRST_ROW = np.zeros(1, np.int64)


class Step(NamedTuple):
    """What is expected of the series so many steps ahead, in its own unit."""

    mean: float
    q10: float
    q90: float


class Predictor(Protocol):
    """One series, learned value by value. Nothing but timestamps and values is known of it."""

    def learn(self, ts_seconds: float, y: float) -> None:
        """Take in the next value; its time is in seconds since the epoch."""
        ...

    def forecast(self, h: int) -> Sequence[tuple[float, float, float]]:
        """Mean, 10 % and 90 % quantile for each of the steps 1..h. Changes nothing."""
        ...

    def breach(self, threshold: float, h: int) -> float:
        """Probability (0..1) that one of the next h values is above the threshold."""
        ...

    def next(self) -> float:
        """Expected value of the next step."""
        ...

    def step(self, ts: float, y: float) -> float:
        """Learn like ``learn``, and say how surely an anomaly begins at this value, 0..1."""
        ...


def as_predictor(models: Sequence[str] | None = None) -> ShippedPredictor:
    """A fresh predictor that does what a worker with default settings does for one series.

    ``models`` are names of forecasters (``streams.core.forecasting.registry``) instead of the
    default ones. Raises UnknownName when there is no such forecaster.
    """
    config = ForecastConfig(min_points=2)
    if models is not None:
        config = ForecastConfig(models=tuple(models), min_points=2)
    return ShippedPredictor(config)


class ShippedPredictor:
    """A ``SeriesBank`` of one row.

    Answers at once: while no model is ready, the last value is expected (0 before the first one),
    with the quantiles of a random walk whose steps are as large as that value (1 if it is 0).
    """

    def __init__(self, config: ForecastConfig) -> None:
        self._bank = SeriesBank(config)
        self._bank.resize(1)
        self._threshold = config.anomaly_threshold
        self._time = np.zeros(1, np.int64)
        self._value = np.zeros(1)
        self._last = 0.0

    def learn(self, ts_seconds: float, y: float) -> None:
        """Take in the next value; its time is in seconds since the epoch.

        A value that is not finite is passed over. Timestamps may go backwards.
        """
        self._learn(ts_seconds, y)

    def step(self, ts: float, y: float) -> float:
        """Learn the value, and say how surely an anomaly begins at it, 0..1.

        0 unless the shipped detector raises its alarm here, once per incident. Call either this
        or ``learn`` for a value.
        """
        learned = self._learn(ts, y)
        if learned is None or not learned.alarm[0]:
            return 0.0
        return -math.expm1(-float(learned.score[0]) / self._threshold)

    def forecast(self, h: int) -> list[tuple[float, float, float]]:
        """Mean, 10 % and 90 % quantile for each of the steps 1..h. Changes nothing.

        Raises ConfigError for h below 1.
        """
        found = self._bank.forecast(0, h, LEVEL)
        if found is None:
            return self._guess(h)
        columns = (found.mean.tolist(), found.lower.tolist(), found.upper.tolist())
        return list(map(Step, *columns))

    def breach(self, threshold: float, h: int) -> float:
        """Probability (0..1) that one of the next h values is above the threshold.

        While the bank has no answer, it is read from the quantiles (``largest_tail``).
        """
        chance = self._bank.breach(0, threshold, h, above=True)
        return largest_tail(self.forecast(h), threshold) if chance is None else chance

    def next(self) -> float:
        """Expected value of the next step."""
        return self.forecast(1)[0][0]

    def _learn(self, seconds: float, value: float) -> Learned | None:
        if not math.isfinite(value):
            return None
        self._last = min(max(float(value), -MAGNITUDE), MAGNITUDE)
        self._time[0], self._value[0] = round(1000 * seconds), value
        return self._bank.learn_many(FIRST_ROW, self._time, self._value)

    def _guess(self, h: int) -> list[tuple[float, float, float]]:
        width = Z90 * (abs(self._last) or 1.0)
        margins = (width * math.sqrt(ahead) for ahead in range(1, h + 1))
        return [Step(self._last, self._last - margin, self._last + margin) for margin in margins]


def largest_tail(steps: Sequence[tuple[float, float, float]], threshold: float) -> float:
    """The largest probability of a single step to be above the threshold.

    Each side of a step is taken as half a normal distribution with the given quantile. The
    probability that any step is above is larger than that of the likeliest one: this is a lower
    bound, for those who know no better.
    """
    return max(_tail(step, threshold) for step in steps)


def _tail(step: tuple[float, float, float], threshold: float) -> float:
    mean, low, high = step
    deviation = (high - mean if threshold >= mean else mean - low) / Z90
    if deviation <= 0:
        return 1.0 if mean > threshold else 0.0
    return 0.5 * math.erfc((threshold - mean) / deviation / math.sqrt(2))
