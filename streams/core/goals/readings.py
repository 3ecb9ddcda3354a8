"""What the goals of an entity need to know of its metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable

from streams.core.kernel.batch import series_key
from streams.core.series.store import SeriesStore
from streams.core.suggestions.nudge import MetricReading


class MetricReader:
    """Reads the latest values and the quality of their forecasts."""

    def __init__(self, series: SeriesStore) -> None:
        self._series = series

    def reading(self, entity_id: str, metric: str) -> MetricReading | None:
        """None when it was never measured."""
        row = self._series.find(series_key(entity_id, metric))
        if row is None:
            return None
        hot = self._series.hot
        return MetricReading(
            value=float(hot["last"][row]),
            previous=known(hot["previous"][row]),
            baseline=float(hot["baseline"][row]),
            dead_band=self.noise(row),
        )

    def readings(self, entity_id: str, metrics: Iterable[str]) -> dict[str, MetricReading]:
        """Of those that were measured, by metric."""
        found = ((metric, self.reading(entity_id, metric)) for metric in metrics)
        return {metric: reading for metric, reading in found if reading is not None}

    def noise(self, row: int) -> float:
        """Running one-step forecast error: a change below it says nothing about the trend."""
        quality = self._series.bank.quality(row)
        return 0.0 if quality is None else quality.error

    def confidence(self, entity_id: str, metrics: Iterable[str]) -> float | None:
        """Lowest forecast confidence among the metrics; None before any was scored."""
        keys = [series_key(entity_id, metric) for metric in metrics]
        rows = [row for key in keys if (row := self._series.find(key)) is not None]
        scored = [quality for row in rows if (quality := self._series.bank.quality(row))]
        return min((quality.confidence for quality in scored), default=None)


def known(value: float) -> float | None:
    """A stored number; None where none was stored yet."""
    return None if math.isnan(value) else float(value)
