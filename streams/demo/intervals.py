"""Whether values really fell into the intervals that had been forecast for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from streams.core.kernel.batch import FloatArray, IntArray, MetricBatch, series_key
from streams.records import Forecast


class Held(NamedTuple):
    """How many forecast values were compared, and how many lay in their interval."""

    inside: int
    compared: int

    @property
    def share(self) -> float:
        """0..1; 0 when nothing was compared."""
        return self.inside / self.compared if self.compared else 0.0


class IntervalCheck:
    """Collects forecasts and measurements in any order; compares when asked."""

    def __init__(self) -> None:
        self._measured: dict[str, dict[int, float]] = {}
        self._forecasts: list[Forecast] = []

    def measured(self, batch: MetricBatch) -> None:
        times, values = batch.timestamps.tolist(), batch.values.tolist()
        for key, time, value in zip(batch.keys, times, values, strict=True):
            self._measured.setdefault(key, {})[time] = value

    def forecast(self, forecast: Forecast) -> None:
        self._forecasts.append(forecast)

    def next_step(self) -> Held:
        """The first value of each forecast."""
        return self._held(lambda _: 0)

    def last_step(self) -> Held:
        """The last value of each forecast."""
        return self._held(lambda forecast: len(forecast.predictions) - 1)

    def _held(self, step: Callable[[Forecast], int]) -> Held:
        columns = {key: _sorted(values) for key, values in self._measured.items()}
        inside = compared = 0
        for forecast in self._forecasts:
            index = step(forecast)
            series = columns.get(series_key(forecast.entity_id, forecast.metric))
            if series is None or index < 0:
                continue
            step_ms = forecast.step_seconds * 1000
            value = _nearest(*series, forecast.timestamp + (index + 1) * step_ms, step_ms / 2)
            if value is not None:
                compared += 1
                inside += forecast.lower[index] <= value <= forecast.upper[index]
        return Held(inside, compared)


def _sorted(values: dict[int, float]) -> tuple[IntArray, FloatArray]:
    times = np.array(sorted(values), np.int64)
    return times, np.array([values[time] for time in times.tolist()])


def _nearest(times: IntArray, values: FloatArray, at: float, tolerance: float) -> float | None:
    """The value measured within ``tolerance`` ms of ``at``; None when there is none."""
    index = int(np.searchsorted(times, at))
    near = [i for i in (index - 1, index) if 0 <= i < times.size]
    best = min(near, key=lambda i: abs(times[i] - at), default=None)
    if best is None or abs(times[best] - at) > tolerance:
        return None
    return float(values[best])
