"""Looks ahead at a series: forecast, predicted breach and its goal, the state of the entity."""

from __future__ import annotations

from streams.core.config import CoreConfig
from streams.core.forecasting.results import SeriesForecast
from streams.core.goals.breach import breach_goal, predict_breach, prediction_record
from streams.core.goals.keeper import Goalkeeper
from streams.core.pattern_watch import PatternWatch
from streams.core.regression_watch import RegressionWatch
from streams.core.series import SeriesStore
from streams.core.state_watch import PREDICTIONS, StateWatch
from streams.core.states.resource import is_resource
from streams.core.turn import Turn
from streams.records import Direction, Forecast, Prediction

FORECASTS = "forecasts"
MOST_METRICS = 256
"""Metrics of one entity that are looked at together."""


class Analysis:
    """Runs where an analysis is due or a value has just passed its limit."""

    def __init__(
        self,
        config: CoreConfig,
        series: SeriesStore,
        goals: Goalkeeper,
        patterns: PatternWatch,
        regressions: RegressionWatch,
    ) -> None:
        self._config = config
        self._series = series
        self._goals = goals
        self._patterns = patterns
        self._regressions = regressions
        self._states = StateWatch(config, series)

    def run(self, turn: Turn, row: int) -> None:
        settings = self._config.forecasting
        forecast = self._series.bank.forecast(row, settings.horizon, settings.level)
        if forecast is None:
            return
        metric = self._series.metrics[row]
        forecast = self._regressions.corrected(turn.state, row, metric, forecast)
        self._remember(turn, metric)
        turn.emit(FORECASTS, _record(turn, metric, forecast))
        self._look_for_breach(turn, row, metric, forecast)
        self._patterns.on_analysis(turn, row, metric)
        if is_resource(self._config.metric(metric)):
            self._states.run(turn, self._patterns.usable(turn))

    def _remember(self, turn: Turn, metric: str) -> None:
        metrics = turn.state.metrics
        if metric not in metrics and len(metrics) < MOST_METRICS:
            metrics.append(metric)
            turn.touched = True

    def _look_for_breach(self, turn: Turn, row: int, metric: str, forecast: SeriesForecast) -> None:
        known = self._config.metric(metric)
        if known is None or known.limit is None:
            return
        breach = predict_breach(
            metric,
            forecast.mean.tolist(),
            forecast.lower.tolist(),
            forecast.upper.tolist(),
            forecast.level,
            forecast.step_ms,
            turn.now,
            float(self._series.hot["last"][row]),
            known.limit,
            known.direction,
            self._path_probability(row, known.limit, known.direction, len(forecast.mean)),
        )
        if breach is None or breach.probability < self._config.goals.breach_probability:
            if turn.state.predictions.pop(metric, None) is not None:
                turn.touched = True
            return
        prediction = prediction_record(
            breach,
            known,
            entity_id=turn.state.entity_id,
            entity_type=turn.state.entity_type,
            now=turn.now,
            prediction_id=turn.new_id("prediction"),
            confidence=forecast.confidence,
            correlation_id=turn.correlation_id,
        )
        self._note(turn, metric, prediction)
        if self._config.goals.auto_goal_setting:
            goal = breach_goal(prediction, known, turn.state, turn.now, self._config.goals)
            if not any(g.dedupe_key == goal.dedupe_key for g in turn.state.open_goals(metric)):
                self._goals.request(turn, goal)

    def _path_probability(
        self, row: int, limit: float, direction: Direction, horizon: int
    ) -> float | None:
        above = direction is not Direction.AT_LEAST
        return self._series.bank.breach(row, limit, horizon, above=above)

    def _note(self, turn: Turn, metric: str, prediction: Prediction) -> None:
        turn.state.predictions[metric] = prediction
        turn.touched = True
        turn.emit(PREDICTIONS, prediction)


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
