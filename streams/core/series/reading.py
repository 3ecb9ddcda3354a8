"""One metric of one entity as of the record at hand: the only reader of its series."""

from __future__ import annotations

import math
from dataclasses import replace

from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.batch import FloatArray, series_key
from streams.core.kernel.clocks import TimeConfig
from streams.core.kernel.entity import Entity
from streams.core.kernel.model_results import Quality, SeriesForecast
from streams.core.series.correction import Correction, Move
from streams.core.series.store import SeriesStore

_ENOUGH = 5
"""Values from which on one long gap does not pass for the step."""


class SeriesReader:
    """Opens readings of the series of one partition."""

    def __init__(
        self,
        config: ForecastConfig,
        time: TimeConfig,
        series: SeriesStore,
        correction: Correction,
    ) -> None:
        self.config = config
        self.time = time
        self.series = series
        self.correction = correction

    def open(self, entity: Entity, metric: str) -> Reading | None:
        """None when the metric was never measured. To be dropped once the series learns."""
        row = self.series.find(series_key(entity.entity_id, metric))
        return None if row is None else Reading(self, entity, metric, row)


class Reading:
    """See ``kernel.turn.SeriesReading``."""

    __slots__ = ("_entity", "_forecasts", "_quality", "_reader", "_recent", "_row", "metric")

    def __init__(self, reader: SeriesReader, entity: Entity, metric: str, row: int) -> None:
        self.metric = metric
        self._reader = reader
        self._entity = entity
        self._row = row
        self._recent: FloatArray | None = None
        self._quality: tuple[Quality | None] | None = None
        self._forecasts: dict[tuple[int, float, str], SeriesForecast | None] = {}

    @property
    def value(self) -> float:
        return self._hot("last")

    @property
    def previous(self) -> float | None:
        value = self._hot("previous")
        return None if math.isnan(value) else value

    @property
    def baseline(self) -> float:
        return self._hot("baseline")

    @property
    def measured_at(self) -> int:
        return int(self._reader.series.hot["timestamp"][self._row])

    @property
    def step_ms(self) -> int:
        return self._reader.series.bank.step_ms(self._row)

    @property
    def after_silence(self) -> bool:
        is_known = self._reader.series.bank.points(self._row) >= _ENOUGH
        return int(self._hot("gap")) > self._reader.time.stale_ms(self.step_ms if is_known else 0)

    def is_stale(self, now: int) -> bool:
        return now - self.measured_at > self._reader.time.stale_ms(self.step_ms)

    def recent(self) -> FloatArray:
        if self._recent is None:
            self._recent = self._reader.series.bank.recent(self._row)
        return self._recent

    def quality(self) -> Quality | None:
        if self._quality is None:
            self._quality = (self._reader.series.bank.quality(self._row),)
        return self._quality[0]

    def forecast(
        self, horizon: int | None = None, level: float | None = None, method: str = ""
    ) -> SeriesForecast | None:
        config = self._reader.config
        steps = config.horizon if horizon is None else horizon
        key = steps, config.level if level is None else level, method
        if key not in self._forecasts:
            self._forecasts[key] = self._corrected(*key)
        return self._forecasts[key]

    def uncorrected(self, horizon: int) -> SeriesForecast | None:
        return self._reader.series.forecast(self._row, horizon, self._reader.config.level)

    def breach(self, limit: float, horizon: int, *, above: bool) -> float | None:
        bank, move = self._reader.series.bank, None
        if self._reader.correction.applies(self._entity, self.metric):
            forecast = self.uncorrected(horizon)
            known = None if forecast is None else self._moved(forecast)
            move = None if known is None else known.by
        return bank.breach(self._row, limit, horizon, above=above, move=move)

    def _corrected(self, horizon: int, level: float, method: str) -> SeriesForecast | None:
        """The forecast moved by what has lately made it better; its members name that."""
        found = self._reader.series.forecast(self._row, horizon, level, method)
        move = None if found is None else self._moved(found)
        if found is None or move is None:
            return found
        return replace(
            found,
            mean=found.mean + move.by,
            lower=found.lower + move.by,
            upper=found.upper + move.by,
            members=(*found.members, *move.terms),
        )

    def _moved(self, forecast: SeriesForecast) -> Move | None:
        reader, entity = self._reader, self._entity
        named = reader.correction.regressors(self.metric)
        others = {name: each.value for name in named if (each := reader.open(entity, name))}
        return reader.correction.move(entity, self.metric, forecast, self.measured_at, others)

    def _hot(self, name: str) -> float:
        return float(self._reader.series.hot[name][self._row])
