"""Looks ahead at a series: publishes its forecast, what its models notice, a likely breach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from streams.core.analysis.breach import BreachForecast, predict_breach, prediction_record
from streams.core.analysis.state import Analyses
from streams.core.kernel.commands import CommandSpec, NoArguments
from streams.core.kernel.engine_events import (
    STALE_EVENT,
    anomaly_event,
    drift_event,
    model_event,
    resumed_event,
    stale_event,
)
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature, View
from streams.core.kernel.model_results import Detection, SeriesForecast
from streams.core.kernel.names import EVENTS, FORECASTS, METRICS, PREDICTIONS
from streams.core.kernel.turn import Turn
from streams.core.metric.limits import KnownMetrics, Limit
from streams.records import Command, Direction, Forecast

MOST_METRICS = 256
"""Metrics of one entity that are looked at together."""


class Analysis(Feature):
    """Runs where an analysis is due, asked for, or a value has just passed its limit."""

    name = "analysis"
    State = Analyses

    def __init__(self, known: KnownMetrics, breach_probability: float) -> None:
        """``breach_probability`` (0..1): from which on a breach is predicted."""
        self._known = known
        self._likely = breach_probability

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (
            CommandSpec(
                "analysis.run",
                "analyse a metric now, or all of the entity",
                NoArguments,
                self._ask,
                target="metric; empty for all",
            ),
        )

    def views(self) -> Sequence[View]:
        return (
            View(
                "predictions",
                "predicted breaches",
                "entity/metric",
                lambda entity: entity.read(Analyses).breaches,
            ),
        )

    def metrics(self, entity: Entity) -> Iterable[str]:
        return (*entity.read(Analyses).metrics, *self._known.metrics)

    def watches(self, entity: Entity, metric: str) -> bool:
        return metric in entity.read(Analyses).stale

    def on_value(self, turn: Turn, metric: str) -> None:
        """A metric that was silent speaks again."""
        if metric in turn.read(Analyses).stale:
            turn.edit(Analyses).stale.remove(metric)
            turn.changed_metrics.add(metric)
            turn.emit(EVENTS, resumed_event(turn, metric))

    def on_time(self, turn: Turn) -> None:
        if turn.position.topic != METRICS:  # values of other metrics come too often for that
            self._note_silent(turn)

    def _note_silent(self, turn: Turn) -> None:
        """Say once that a metric has fallen silent, and forget the breach that it was to bring."""
        analyses = turn.read(Analyses)
        for metric in analyses.metrics:
            reading = turn.series(metric) if metric not in analyses.stale else None
            if reading is not None and reading.is_stale(turn.now):
                analyses = turn.edit(Analyses)
                analyses.stale.append(metric)
                analyses.breaches.pop(metric, None)
                turn.changed_metrics.add(metric)
                turn.emit(EVENTS, stale_event(turn, metric, reading.measured_at))

    def on_detection(self, turn: Turn, metric: str, detection: Detection) -> None:
        if detection.is_anomaly:
            turn.emit(EVENTS, anomaly_event(turn, metric, detection))
        if detection.is_drift:
            turn.emit(EVENTS, drift_event(turn, metric, detection))
        for change in detection.changes:
            turn.emit(EVENTS, model_event(turn, metric, change))

    def on_analysis(self, turn: Turn, metric: str, forecast: SeriesForecast) -> None:
        analyses = turn.edit(Analyses)
        turn.once((STALE_EVENT,), lambda: self._note_silent(turn))
        if metric not in analyses.metrics and len(analyses.metrics) < MOST_METRICS:
            analyses.metrics.append(metric)
        turn.emit(FORECASTS, _record(turn, metric, forecast))
        self._predict(turn, metric, forecast)

    def after(self, turn: Turn) -> None:
        """Count the predictions of all features."""
        topics = [emission.topic for emission in turn.emissions]
        if FORECASTS in topics:
            analyses = turn.edit(Analyses)
            analyses.predictions += topics.count(PREDICTIONS)
            analyses.last = turn.now

    def _ask(self, turn: Turn, command: Command, arguments: NoArguments) -> None:
        metrics = [command.target] if command.target else turn.read(Analyses).metrics
        known = [
            metric
            for metric in metrics
            if (reading := turn.series(metric)) is not None and not reading.is_stale(turn.now)
        ]
        if not known:
            turn.reject("unknown_metric", "nothing was measured lately that could be analysed")
        for metric in known:
            turn.analyse(metric)

    def _predict(self, turn: Turn, metric: str, forecast: SeriesForecast) -> None:
        """Note the breach that the forecast makes likely; forget the one that it does not."""
        limit = self._known.limit(metric)
        if limit is None:
            return
        breaches = turn.edit(Analyses).breaches
        breach = _look(turn, metric, forecast, limit)
        if breach is None or breach.probability < self._likely:
            breaches.pop(metric, None)
            return
        breaches[metric] = prediction_record(
            breach,
            limit.known,
            entity_id=turn.entity.entity_id,
            entity_type=turn.entity.entity_type,
            now=turn.now,
            prediction_id=turn.new_id("prediction"),
            confidence=forecast.confidence,
            correlation_id=turn.correlation_id,
        )
        turn.emit(PREDICTIONS, breaches[metric])


def _look(turn: Turn, metric: str, forecast: SeriesForecast, limit: Limit) -> BreachForecast | None:
    reading = turn.series(metric)
    if reading is None:
        return None
    steps, direction = len(forecast.mean), limit.known.direction
    above = direction is not Direction.AT_LEAST
    return predict_breach(
        metric,
        forecast.mean.tolist(),
        forecast.lower.tolist(),
        forecast.upper.tolist(),
        forecast.level,
        forecast.step_ms,
        turn.now,
        reading.value,
        limit.value,
        direction,
        reading.breach(limit.value, steps, above=above),
    )


def _record(turn: Turn, metric: str, forecast: SeriesForecast) -> Forecast:
    return Forecast(
        entity_id=turn.entity.entity_id,
        entity_type=turn.entity.entity_type,
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
