"""Looks ahead at a series: forecast, predicted breach, the state of the entity, its goals."""

from __future__ import annotations

from collections.abc import Callable

from streams.core.analysis.breaches import BreachWatch
from streams.core.capacity.feature import StateWatch
from streams.core.capacity.resource import is_resource
from streams.core.config import CoreConfig
from streams.core.goal_rules.feature import GoalSetter, always
from streams.core.goals.book import GoalBook
from streams.core.kernel.entity import EntityState
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.names import FORECASTS
from streams.core.kernel.turn import Turn
from streams.core.patterns.feature import PatternWatch
from streams.core.series.correction import RegressionWatch
from streams.core.series.store import SeriesStore
from streams.records import Forecast

MOST_METRICS = 256
"""Metrics of one entity that are looked at together."""


class Analysis:
    """Runs where an analysis is due or a value has just passed its limit."""

    def __init__(
        self,
        config: CoreConfig,
        series: SeriesStore,
        goals: GoalBook,
        patterns: PatternWatch,
        regressions: RegressionWatch,
        may_set_goals: Callable[[EntityState], bool] = always,
    ) -> None:
        self._config = config
        self._series = series
        self._patterns = patterns
        self._regressions = regressions
        self._breaches = BreachWatch(config, series)
        self._states = StateWatch(config, series)
        self._setter = GoalSetter(config, series, goals, may_set_goals)

    def run(self, turn: Turn, row: int) -> None:
        settings = self._config.forecasting
        forecast = self._series.bank.forecast(row, settings.horizon, settings.level)
        if forecast is None:
            return
        metric = self._series.metrics[row]
        forecast = self._regressions.corrected(turn.state, row, metric, forecast)
        self._remember(turn, metric)
        turn.emit(FORECASTS, _record(turn, metric, forecast))
        self._breaches.run(turn, row, metric, forecast)
        self._patterns.on_analysis(turn, row, metric)
        patterns = self._patterns.usable(turn)
        if is_resource(self._config.metric(metric)):
            self._states.run(turn, patterns)
        self._setter.run(turn, metric, forecast, patterns)

    def _remember(self, turn: Turn, metric: str) -> None:
        metrics = turn.state.metrics
        if metric not in metrics and len(metrics) < MOST_METRICS:
            metrics.append(metric)
            turn.touched = True


def _record(turn: Turn, metric: str, forecast: SeriesForecast) -> Forecast:
    return Forecast(
        entity_id=turn.state.entity_id,
        entity_type=turn.state.entity_type,
        timestamp=turn.now,
        correlation_id=turn.correlation_id,
        forecast_id=turn.new_id("forecast"),
        metric=metric,
        method=forecast.method,
        members=forecast.members,
        step_seconds=forecast.step_ms / 1000,
        predictions=tuple(forecast.mean.tolist()),
        lower=tuple(forecast.lower.tolist()),
        upper=tuple(forecast.upper.tolist()),
        level=forecast.level,
        error=forecast.error,
        coverage=forecast.coverage,
        points=forecast.points,
    )
