"""What is measured and forecast of the metrics that goals are about."""

from __future__ import annotations

from collections.abc import Iterable

from streams.core.config import CoreConfig
from streams.core.kernel.batch import series_key
from streams.core.kernel.entity import EntityState
from streams.core.kernel.model_results import Quality, SeriesForecast
from streams.core.series.store import SeriesStore
from streams.records import Goal


class Readings:
    """The series of one entity at a time, as of the record at hand."""

    def __init__(self, config: CoreConfig, series: SeriesStore) -> None:
        self._config = config
        self._series = series

    def value(self, state: EntityState, metric: str) -> float | None:
        """Latest value; None when it was never measured."""
        row = self._row(state, metric)
        return None if row is None else float(self._series.hot["last"][row])

    def measured_at(self, state: EntityState, metric: str) -> int | None:
        """Event time of the latest value, ms."""
        row = self._row(state, metric)
        return None if row is None else int(self._series.hot["timestamp"][row])

    def forecast(self, state: EntityState, metric: str) -> SeriesForecast | None:
        row = self._row(state, metric)
        settings = self._config.forecasting
        if row is None:
            return None
        return self._series.bank.forecast(row, settings.horizon, settings.level)

    def quality(self, state: EntityState, metric: str) -> Quality | None:
        row = self._row(state, metric)
        return None if row is None else self._series.bank.quality(row)

    def scale(self, goal: Goal) -> float | None:
        """What a change of the goal's metric is compared with: its capacity, else its baseline,
        else the target; None when all are unknown or 0."""
        known = self._config.metric(goal.target_metric)
        capacity = None if known is None else known.capacity
        for value in (capacity, goal.baseline, goal.target_value):
            if value:
                return abs(value)
        return None

    def free(self, state: EntityState, resources: Iterable[str]) -> dict[str, float]:
        """What is left of the capacity of each resource, where it is known and measured."""
        free: dict[str, float] = {}
        for metric in resources:
            known, value = self._config.metric(metric), self.value(state, metric)
            if known is not None and known.capacity is not None and value is not None:
                free[metric] = known.capacity - value
        return free

    def _row(self, state: EntityState, metric: str) -> int | None:
        row = self._series.find(series_key(state.entity_id, metric))
        return None if row is None or not self._series.hot["count"][row] else row
