"""Learns the patterns of an entity from its events, anomalies and metrics, and publishes news."""

from __future__ import annotations

from streams.core.config import CoreConfig
from streams.core.kernel.batch import FloatArray, series_key
from streams.core.kernel.model_results import Finding
from streams.core.kernel.names import PATTERNS
from streams.core.kernel.turn import Turn
from streams.core.patterns.detector import Origin
from streams.core.patterns.learner import PatternLearner
from streams.core.series.store import SeriesStore
from streams.records import Event, Pattern

PAIRS_AT_ONCE = 4
"""Other metrics that one analysis compares with; further ones have their turn later."""
SAME_STEP = 1.5
"""Two metrics whose time steps differ by more than this factor are not compared."""


class PatternWatch:
    """Keeps ``EntityState.patterns``."""

    def __init__(self, config: CoreConfig, series: SeriesStore) -> None:
        self._series = series
        self._interval = max(config.forecasting.interval_ms, 1)
        self._learner = PatternLearner(config.patterns, config.zone)

    def on_event(self, turn: Turn, event: Event) -> None:
        self._publish(turn, self._learner.on_event(turn.state.patterns, event, turn.correlation_id))

    def on_anomaly(self, turn: Turn, metric: str, finding: Finding) -> None:
        news = self._learner.on_anomaly(
            turn.state.patterns,
            metric,
            finding.value,
            finding.expected,
            finding.score,
            _origin(turn),
        )
        self._publish(turn, news)

    def on_analysis(self, turn: Turn, row: int, metric: str) -> None:
        """Compare a metric with others of the entity; retire what has not been seen for long."""
        state, origin = turn.state.patterns, _origin(turn)
        if self._learner.is_due(state, turn.now):
            turn.touched = True
            self._publish(turn, self._learner.sweep(state, origin))
        for other in self._others(turn, metric):
            values = self._aligned(turn, row, other)
            if values is not None:
                before = len(state.pairs)
                news = self._learner.on_correlation(state, (metric, other), values, origin)
                turn.touched = turn.touched or bool(before or state.pairs)
                self._publish(turn, news)

    def tell_all(self, turn: Turn) -> None:
        """Publish all that is known, after it came from elsewhere."""
        self._publish(turn, self._learner.patterns(turn.state.patterns, _origin(turn)))

    def usable(self, turn: Turn) -> list[Pattern]:
        """Patterns that are sure enough to be a reason for something."""
        known = self._learner.patterns(turn.state.patterns, _origin(turn))
        return [pattern for pattern in known if self._learner.usable(pattern)]

    def _others(self, turn: Turn, metric: str) -> list[str]:
        others = [other for other in turn.state.metrics if other != metric]
        if len(others) <= PAIRS_AT_ONCE:
            return others
        start = (turn.now // self._interval) * PAIRS_AT_ONCE % len(others)
        return (others[start:] + others[:start])[:PAIRS_AT_ONCE]

    def _aligned(self, turn: Turn, row: int, other: str) -> tuple[FloatArray, FloatArray] | None:
        """Newest values of both at the same moments; None when they cannot be compared."""
        series = self._series
        second = series.find(series_key(turn.state.entity_id, other))
        if second is None:
            return None
        step, other_step = series.bank.step_ms(row), series.bank.step_ms(second)
        if min(step, other_step) <= 0 or max(step, other_step) > SAME_STEP * min(step, other_step):
            return None
        one, two = series.bank.recent(row), series.bank.recent(second)
        ahead = int(series.hot["timestamp"][row]) - int(series.hot["timestamp"][second])
        lag = round(ahead / step)
        one, two = one[: one.size - max(lag, 0)], two[: two.size + min(lag, 0)]
        size = min(one.size, two.size)
        return (one[-size:], two[-size:]) if size else None

    def _publish(self, turn: Turn, news: list[Pattern]) -> None:
        for pattern in news:
            turn.touched = True
            turn.emit(PATTERNS, pattern)


def _origin(turn: Turn) -> Origin:
    state = turn.state
    return Origin(state.entity_id, state.entity_type, turn.now, turn.correlation_id)
