"""Predicts the state of an entity from the forecasts of all its resources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from streams.core.analysis.state import Analyses
from streams.core.capacity.config import StateConfig
from streams.core.capacity.outlook import look_ahead
from streams.core.capacity.predictions import bottleneck_predictions, state_prediction
from streams.core.capacity.resource import Resource, is_resource
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.feature import Feature, View
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.names import PREDICTIONS
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn
from streams.core.metric.config import MetricConfig
from streams.core.metric.limits import KnownMetrics
from streams.records import Pattern, Prediction


class Outlooks(Slice):
    """What was last predicted of the entity's state."""

    slice_name = "capacity"

    latest: Prediction | None = None
    """As published."""


class Capacity(Feature):
    """Runs where a resource is analysed."""

    name = "capacity"
    State = Outlooks

    def __init__(
        self,
        config: StateConfig,
        forecasting: ForecastConfig,
        known: KnownMetrics,
        patterns: Callable[[Turn], list[Pattern]],
    ) -> None:
        """``patterns`` gives those that are sure enough to be a reason for something."""
        self._config = config
        self._forecasting = forecasting
        self._known = known
        self._patterns = patterns

    def views(self) -> Sequence[View]:
        return (
            View(
                "states",
                "latest predicted state",
                "entity",
                lambda entity: {"": said} if (said := entity.read(Outlooks).latest) else {},
            ),
        )

    def on_analysis(self, turn: Turn, metric: str, forecast: SeriesForecast) -> None:
        """Look ahead, and publish what is said when it is new or an interval has passed."""
        if not is_resource(self._known.get(metric)):
            return
        named = ((each, self._known.get(each)) for each in turn.read(Analyses).metrics)
        resources = [
            self._resource(turn, each, known)
            for each, known in named
            if known is not None and is_resource(known)
        ]
        if not resources:
            return
        outlook = look_ahead(
            resources,
            now=turn.now,
            config=self._config,
            outlook_id=turn.new_id("state"),
            patterns=self._patterns(turn),
        )
        about = {
            "entity_id": turn.entity.entity_id,
            "entity_type": turn.entity.entity_type,
            "correlation_id": turn.correlation_id,
        }
        prediction = state_prediction(outlook, **about)
        if self._is_news(turn.read(Outlooks).latest, prediction):
            turn.edit(Outlooks).latest = prediction
            turn.emit(PREDICTIONS, prediction)
            for bottleneck in bottleneck_predictions(outlook, **about):
                turn.emit(PREDICTIONS, bottleneck)

    def _resource(self, turn: Turn, metric: str, known: MetricConfig) -> Resource:
        reading = turn.series(metric)
        if reading is None or reading.is_stale(turn.now):
            return Resource(metric, known)
        return Resource(
            metric,
            known,
            current=reading.value,
            forecast=reading.forecast(level=self._config.level),
            passing=partial(reading.breach, horizon=self._forecasting.horizon, above=True),
        )

    def _is_news(self, before: Prediction | None, now: Prediction) -> bool:
        if before is None:
            return True
        if now.timestamp - before.timestamp >= self._forecasting.interval_ms:
            return True
        return _gist(before) != _gist(now)


def _gist(prediction: Prediction) -> tuple[object, ...]:
    """What makes two predictions different news."""
    bottlenecks = {(each.location, each.severity) for each in prediction.predicted_bottlenecks}
    return prediction.current_state, prediction.predicted_state, bottlenecks
