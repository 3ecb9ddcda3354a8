"""Looks at a forecast for a breach of what its metric is to stay within, and publishes it."""

from __future__ import annotations

from streams.core.analysis.breach import BreachForecast, predict_breach, prediction_record
from streams.core.config import CoreConfig
from streams.core.goal_rules.limits import Limit, limit_of
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.names import PREDICTIONS
from streams.core.kernel.turn import Turn
from streams.core.series.store import SeriesStore
from streams.records import Direction


class BreachWatch:
    """Keeps ``EntityState.predictions``."""

    def __init__(self, config: CoreConfig, series: SeriesStore) -> None:
        self._config = config
        self._series = series

    def run(self, turn: Turn, row: int, metric: str, forecast: SeriesForecast) -> None:
        """Note the breach that ``forecast`` makes likely; forget the one that it does not."""
        limit = limit_of(self._config, metric)
        if limit is None:
            return
        breach = self._look(turn, row, metric, forecast, limit)
        if breach is None or breach.probability < self._config.goals.breach_probability:
            if turn.state.predictions.pop(metric, None) is not None:
                turn.touched = True
            return
        prediction = prediction_record(
            breach,
            limit.known,
            entity_id=turn.state.entity_id,
            entity_type=turn.state.entity_type,
            now=turn.now,
            prediction_id=turn.new_id("prediction"),
            confidence=forecast.confidence,
            correlation_id=turn.correlation_id,
        )
        turn.state.predictions[metric] = prediction
        turn.touched = True
        turn.emit(PREDICTIONS, prediction)

    def _look(
        self, turn: Turn, row: int, metric: str, forecast: SeriesForecast, limit: Limit
    ) -> BreachForecast | None:
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
            float(self._series.hot["last"][row]),
            limit.value,
            direction,
            self._series.bank.breach(row, limit.value, steps, above=above),
        )
