"""Forecasts of configured metrics, corrected by other metrics of the entity and the calendar."""

from __future__ import annotations

from dataclasses import replace

from streams.core.config import CoreConfig
from streams.core.forecasting.calendar import Calendar
from streams.core.forecasting.regressors import Regression, RegressorConfig
from streams.core.kernel.batch import series_key
from streams.core.kernel.entity import EntityState, StoredRegression
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.core.metric.config import MetricConfig
from streams.core.series.store import SeriesStore


class RegressionWatch:
    """Keeps ``EntityState.regressions``. Every value of such a metric runs this rule."""

    def __init__(self, config: CoreConfig, series: SeriesStore) -> None:
        self._config = config
        self._series = series
        self._calendar = Calendar(config.calendar)
        self._regressors = {
            name: _regression(known) for name, known in config.metrics.items() if known.is_corrected
        }

    def learn(self, turn: Turn, row: int, metric: str) -> None:
        """Take in the newest value of a series, and what is forecast from it on."""
        config = self._regressors_of(metric)
        if config is None:
            return
        bank = self._series.bank
        forecast = bank.forecast(row, config.anchors[-1], self._config.forecasting.level)
        if forecast is None:
            return
        regression = self._open(turn.state, metric, config)
        regression.observe(
            turn.now,
            forecast.step_ms,
            float(self._series.hot["last"][row]),
            [float(forecast.mean[anchor - 1]) for anchor in config.anchors],
            self._newest(turn.state, config),
        )
        stored = StoredRegression(regression.state_version, regression.dump())
        turn.state.regressions[metric] = stored
        turn.touched = True

    def corrected(
        self, state: EntityState, row: int, metric: str, forecast: SeriesForecast
    ) -> SeriesForecast:
        """The forecast moved by what has lately made it better; its members name that."""
        config = self._regressors_of(metric)
        if config is None or metric not in state.regressions:
            return forecast
        regression = self._open(state, metric, config)
        mean = regression.correct(
            int(self._series.hot["timestamp"][row]),
            forecast.step_ms,
            forecast.mean,
            self._newest(state, config),
        )
        move = mean - forecast.mean
        heeded = dict.fromkeys(term.term for term in regression.report() if term.heeded)
        return replace(
            forecast,
            mean=mean,
            lower=forecast.lower + move,
            upper=forecast.upper + move,
            members=(*forecast.members, *heeded),
        )

    def _regressors_of(self, metric: str) -> RegressorConfig | None:
        return self._regressors.get(self._config.aliases.get(metric, metric))

    def _open(self, state: EntityState, metric: str, config: RegressorConfig) -> Regression:
        regression = Regression(config, self._calendar)
        stored = state.regressions.get(metric)
        if stored is not None and stored.version == regression.state_version:
            regression.load(stored.state)
        return regression

    def _newest(self, state: EntityState, config: RegressorConfig) -> dict[str, float]:
        keys = ((name, series_key(state.entity_id, name)) for name in config.metrics)
        rows = ((name, self._series.find(key)) for name, key in keys)
        last = self._series.hot["last"]
        return {name: float(last[row]) for name, row in rows if row is not None}


def _regression(known: MetricConfig) -> RegressorConfig:
    """What forecasts of a metric are corrected by."""
    return RegressorConfig(
        metrics=known.regressors,
        hour="hour" in known.calendar,
        weekday="weekday" in known.calendar,
        holidays="holidays" in known.calendar,
    )
