"""The methods to compare with: last value, last day, and River's own two forecasters."""

from __future__ import annotations

import math
import statistics
from collections import deque
from itertools import pairwise
from typing import Any

import numpy as np
from river import linear_model, optim, time_series

from benchmarks.quality.residual_alarm import ResidualAlarm
from streams.testing.predictor import Z90, largest_tail

ANCHORS = (1, 12, 24, 72)
"""Steps ahead at which errors are kept; in between, quantiles are interpolated."""
STRIDE = 4
"""Values from one forecast whose errors are kept to the next."""
KEPT = 256
"""Errors that quantiles are taken of."""
FEWEST = 8
"""Errors before they are."""
DAY_SECONDS = 86_400
FIRST_GAPS = 20
"""Gaps between timestamps whose median is taken for the time step."""


class Baseline:
    """A point forecaster with quantiles from its own latest errors at each horizon.

    So methods that know no interval are compared by their forecasts, not by how badly one was
    guessed. Breach: the likeliest single step. Anomalies: ``ResidualAlarm``. Subclasses say what
    ``update`` and ``points`` are.
    """

    def __init__(self) -> None:
        self._time = 0
        self._last = 0.0
        self._moved = 0.0
        self._due: list[deque[tuple[int, float]]] = [deque() for _ in ANCHORS]
        """For each anchor: when a forecast falls due, and what it was."""
        self._errors: list[deque[float]] = [deque(maxlen=KEPT) for _ in ANCHORS]
        self._bands: list[tuple[float, float] | None] = [None] * len(ANCHORS)
        self._alarm = ResidualAlarm()

    def update(self, ts_seconds: float, y: float) -> None:
        """Take the value into the model, if there is one."""

    def points(self, h: int) -> list[float]:
        """Expected values of the steps 1..h."""
        return [self._last] * h

    def learn(self, ts_seconds: float, y: float) -> None:
        self._moved += abs(y - self._last) if self._time else 0.0
        self.update(ts_seconds, y)
        self._last = y
        self._time += 1
        for place, waiting in enumerate(self._due):
            if waiting and waiting[0][0] == self._time:
                errors = self._errors[place]
                errors.append(y - waiting.popleft()[1])
                if len(errors) >= FEWEST:
                    low, high = np.quantile(errors, (0.1, 0.9), method="weibull").tolist()
                    self._bands[place] = (low, high)
        if self._time % STRIDE == 0:
            points = self.points(ANCHORS[-1])
            for anchor, waiting in zip(ANCHORS, self._due, strict=True):
                waiting.append((self._time + anchor, points[anchor - 1]))

    def forecast(self, h: int) -> list[tuple[float, float, float]]:
        known = [self._band(place) for place in range(len(ANCHORS))]
        steps = range(1, h + 1)
        low, high = (np.interp(steps, ANCHORS, side).tolist() for side in zip(*known, strict=True))
        points = self.points(h)
        return [
            (mean, mean + below, mean + above)
            for mean, below, above in zip(points, low, high, strict=True)
        ]

    def breach(self, threshold: float, h: int) -> float:
        return largest_tail(self.forecast(h), threshold)

    def next(self) -> float:
        return self.points(1)[0]

    def step(self, ts: float, y: float) -> float:
        score = self._alarm.step(self.next(), y) if self._time else 0.0
        self.learn(ts, y)
        return score

    def _band(self, place: int) -> tuple[float, float]:
        found = self._bands[place]
        if found is None:  # a random walk's
            width = Z90 * self._moved / max(self._time - 1, 1) * math.sqrt(ANCHORS[place])
            found = (-width, width)
        return found


class Naive(Baseline):
    """The last value."""


class SeasonalNaive(Baseline):
    """The value of the same time yesterday; the last value until there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds: list[float] = []
        self._day: deque[float] | None = None
        """The newest values, as many as a day has."""

    def update(self, ts_seconds: float, y: float) -> None:
        if self._day is None:
            self._seconds.append(ts_seconds)
            if len(self._seconds) > FIRST_GAPS:
                gap = statistics.median(after - at for at, after in pairwise(self._seconds))
                self._day = deque(maxlen=max(1, round(DAY_SECONDS / gap)) if gap > 0 else 1)
        if self._day is not None:
            self._day.append(y)

    def points(self, h: int) -> list[float]:
        day = self._day
        if day is None or len(day) < (day.maxlen or 1):
            return super().points(h)
        return [day[ahead % len(day)] for ahead in range(h)]


class RiverHoltWinters(Baseline):
    """River's Holt-Winters without a trend.

    River has no damping: with a trend it is several times worse than the last value at 72 steps.
    """

    ALPHA = 0.3

    def __init__(self) -> None:
        super().__init__()
        self._model = time_series.HoltWinters(alpha=self.ALPHA)

    def update(self, ts_seconds: float, y: float) -> None:
        self._model.learn_one(y)

    def points(self, h: int) -> list[float]:
        # River raises IndexError before its first value pair
        return super().points(h) if self._time < 2 else self._model.forecast(horizon=h)


class RiverSnarimax(Baseline):
    """River's SNARIMAX on a standardised target, target and forecasts clipped.

    On raw values, and after spikes of many deviations, its regression diverges. River's own choice
    of regression scales the lags once more, and differences add up at long horizons: both did
    worse.
    """

    CLIP = 3.0
    """Deviations from the mean."""
    FIRST = 12
    """Values before the model starts, so that the unit is known."""

    def __init__(self) -> None:
        super().__init__()
        regressor = linear_model.LinearRegression(optim.SGD(0.01))
        self._model = time_series.SNARIMAX(p=4, d=0, q=1, regressor=regressor)
        self._seen = 0
        self._mean = 0.0
        self._squares = 0.0

    def update(self, ts_seconds: float, y: float) -> None:
        self._seen += 1
        away = y - self._mean
        self._mean += away / self._seen
        self._squares += away * (y - self._mean)
        if self._seen > self.FIRST:
            self._model.learn_one(self._clipped((y - self._mean) / self._unit))

    def points(self, h: int) -> list[float]:
        if self._seen <= self.FIRST + 2 or not self._squares:
            return super().points(h)
        mean, unit = self._mean, self._unit
        forecast: Any = self._model.forecast(horizon=h)
        return [mean + unit * self._clipped(each) for each in forecast]

    def _clipped(self, value: float) -> float:
        return min(max(value, -self.CLIP), self.CLIP)

    @property
    def _unit(self) -> float:
        return math.sqrt(self._squares / self._seen) or 1.0
