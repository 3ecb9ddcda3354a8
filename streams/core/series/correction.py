"""Forecasts of configured metrics, corrected by other metrics of the entity and the calendar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.core.forecasting.calendar import Calendar, CalendarConfig
from streams.core.forecasting.regressors import Regression, RegressorConfig
from streams.core.kernel.batch import FloatArray
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn
from streams.core.metric.config import MetricConfig
from streams.core.metric.limits import KnownMetrics


class StoredRegression(msgspec.Struct, array_like=True):
    """What corrects the forecasts of one metric; read only by the version that wrote it."""

    version: str
    state: bytes


class Corrections(Slice):
    """By metric, where one is configured."""

    slice_name = "correction"

    metrics: dict[str, StoredRegression] = {}


class Move(NamedTuple):
    """What a forecast is corrected by."""

    by: FloatArray
    """Step by step, in the metric's unit."""
    terms: tuple[str, ...]
    """What it is made of."""


class Correction(Feature):
    """Learns from every value of a metric that has regressors or a calendar."""

    name = "correction"
    State = Corrections

    def __init__(self, known: KnownMetrics, calendar: CalendarConfig) -> None:
        self._aliases = known.aliases
        self._calendar = Calendar(calendar)
        self._regressors = {
            name: _regression(each) for name, each in known.metrics.items() if each.is_corrected
        }

    def watches(self, entity: Entity, metric: str) -> bool:
        return self._config_of(metric) is not None

    def on_value(self, turn: Turn, metric: str) -> None:
        """Take in the newest value of a series, and what is forecast from it on."""
        config, reading = self._config_of(metric), turn.series(metric)
        if config is None or reading is None:
            return
        forecast = reading.uncorrected(config.anchors[-1])
        if forecast is None:
            return
        regression = self._open(turn.entity, metric, config)
        regression.observe(
            reading.measured_at,
            forecast.step_ms,
            reading.value,
            [float(forecast.mean[anchor - 1]) for anchor in config.anchors],
            {name: each.value for name in config.metrics if (each := turn.series(name))},
        )
        stored = StoredRegression(regression.state_version, regression.dump())
        turn.edit(Corrections).metrics[metric] = stored

    def applies(self, entity: Entity, metric: str) -> bool:
        """Whether forecasts of the metric are corrected."""
        return self._config_of(metric) is not None and metric in entity.read(Corrections).metrics

    def regressors(self, metric: str) -> tuple[str, ...]:
        """Metrics whose values ``move`` needs."""
        config = self._config_of(metric)
        return () if config is None else config.metrics

    def move(
        self,
        entity: Entity,
        metric: str,
        forecast: SeriesForecast,
        measured_at: int,
        others: Mapping[str, float],
    ) -> Move | None:
        """What a forecast is to be moved by; None without a correction.

        ``measured_at`` is the time of the metric's newest value, ms; ``others`` the newest values
        of its regressors.
        """
        config = self._config_of(metric)
        if config is None or not self.applies(entity, metric):
            return None
        regression = self._open(entity, metric, config)
        mean = regression.correct(measured_at, forecast.step_ms, forecast.mean, dict(others))
        heeded = dict.fromkeys(term.term for term in regression.report() if term.heeded)
        return Move(mean - forecast.mean, tuple(heeded))

    def _config_of(self, metric: str) -> RegressorConfig | None:
        return self._regressors.get(self._aliases.get(metric, metric))

    def _open(self, entity: Entity, metric: str, config: RegressorConfig) -> Regression:
        regression = Regression(config, self._calendar)
        stored = entity.read(Corrections).metrics.get(metric)
        if stored is not None and stored.version == regression.state_version:
            regression.load(stored.state)
        return regression


def _regression(known: MetricConfig) -> RegressorConfig:
    """What forecasts of a metric are corrected by."""
    return RegressorConfig(
        metrics=known.regressors,
        hour="hour" in known.calendar,
        weekday="weekday" in known.calendar,
        holidays="holidays" in known.calendar,
    )
