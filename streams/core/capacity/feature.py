"""Predicts the state of an entity from the forecasts of all its resources."""

from __future__ import annotations

from functools import partial

from streams.core.capacity.outlook import look_ahead
from streams.core.capacity.predictions import bottleneck_predictions, state_prediction
from streams.core.capacity.resource import Resource, is_resource
from streams.core.config import CoreConfig
from streams.core.kernel.batch import series_key
from streams.core.kernel.names import PREDICTIONS
from streams.core.kernel.turn import Turn
from streams.core.metric.config import MetricConfig
from streams.core.series.store import SeriesStore
from streams.records import Pattern, Prediction


class StateWatch:
    """Runs where an analysis of a resource is due."""

    def __init__(self, config: CoreConfig, series: SeriesStore) -> None:
        self._config = config
        self._series = series

    def run(self, turn: Turn, patterns: list[Pattern]) -> None:
        """Look ahead, and publish what is said when it is new or an interval has passed."""
        state = turn.state
        known = ((metric, self._config.metric(metric)) for metric in state.metrics)
        resources = [
            self._resource(state.entity_id, metric, settings)
            for metric, settings in known
            if settings is not None and is_resource(settings)
        ]
        if not resources:
            return
        outlook = look_ahead(
            resources,
            now=turn.now,
            config=self._config.states,
            outlook_id=turn.new_id("state"),
            patterns=patterns,
        )
        about = {
            "entity_id": state.entity_id,
            "entity_type": state.entity_type,
            "correlation_id": turn.correlation_id,
        }
        prediction = state_prediction(outlook, **about)
        if self._is_news(state.outlook, prediction):
            state.outlook = prediction
            turn.touched = True
            turn.emit(PREDICTIONS, prediction)
            for bottleneck in bottleneck_predictions(outlook, **about):
                turn.emit(PREDICTIONS, bottleneck)

    def _resource(self, entity: str, metric: str, settings: MetricConfig) -> Resource:
        row = self._series.find(series_key(entity, metric))
        if row is None:
            return Resource(metric, settings)
        bank, options = self._series.bank, self._config.forecasting
        return Resource(
            metric,
            settings,
            current=float(self._series.hot["last"][row]),
            forecast=bank.forecast(row, options.horizon, self._config.states.level),
            passing=partial(bank.breach, row, horizon=options.horizon, above=True),
        )

    def _is_news(self, before: Prediction | None, now: Prediction) -> bool:
        if before is None:
            return True
        if now.timestamp - before.timestamp >= self._config.forecasting.interval_ms:
            return True
        return _gist(before) != _gist(now)


def _gist(prediction: Prediction) -> tuple[object, ...]:
    """What makes two predictions different news."""
    bottlenecks = {(each.location, each.severity) for each in prediction.predicted_bottlenecks}
    return prediction.current_state, prediction.predicted_state, bottlenecks
