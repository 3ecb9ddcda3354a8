"""Learns the patterns of an entity from its events, anomalies and metrics, and publishes news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from streams.core.analysis.state import Analyses
from streams.core.kernel.batch import FloatArray
from streams.core.kernel.engine_events import execution_event
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.model_results import Detection, SeriesForecast
from streams.core.kernel.names import GOAL_STATE, PATTERNS
from streams.core.kernel.turn import Turn
from streams.core.patterns.config import PatternConfig
from streams.core.patterns.detector import Origin
from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.state import PatternState
from streams.records import Action, Event, Pattern, Record

PAIRS_AT_ONCE = 4
"""Other metrics that one analysis compares with; further ones have their turn later."""
SAME_STEP = 1.5
"""Two metrics whose time steps differ by more than this factor are not compared."""


class Patterns(Feature):
    """What recurs, follows, spikes or goes together."""

    name = "patterns"
    State = PatternState

    def __init__(self, config: PatternConfig, zone: tzinfo, interval_ms: int) -> None:
        """``interval_ms``: event time between two analyses of a series."""
        self._interval = max(interval_ms, 1)
        self._learner = PatternLearner(config, zone)

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Event: self._on_event, Action: self._on_action}

    def views(self) -> Sequence[View]:
        return (
            View("patterns", "patterns of events and metrics", "entity/pattern id", self._rows),
        )

    def on_detection(self, turn: Turn, metric: str, detection: Detection) -> None:
        if detection.is_anomaly:
            news = self._learner.on_anomaly(
                turn.edit(PatternState),
                metric,
                detection.value,
                detection.expected,
                detection.score,
                _origin(turn),
            )
            _publish(turn, news)

    def on_analysis(self, turn: Turn, metric: str, forecast: SeriesForecast) -> None:
        """Compare a metric with others of the entity; retire what has not been seen for long."""
        state, origin = turn.read(PatternState), _origin(turn)
        if self._learner.is_due(state, turn.now):
            _publish(turn, self._learner.sweep(turn.edit(PatternState), origin))
        for other in self._others(turn, metric):
            values = _aligned(turn, metric, other)
            if values is not None:
                before = len(state.pairs)
                news = self._learner.on_correlation(state, (metric, other), values, origin)
                if before or state.pairs:
                    turn.edit(PatternState)
                _publish(turn, news)

    def tell_all(self, turn: Turn) -> None:
        """Publish all that is known, after it came from elsewhere."""
        _publish(turn, self._learner.patterns(turn.read(PatternState), _origin(turn)))

    def usable(self, turn: Turn) -> list[Pattern]:
        """Patterns that are sure enough to be a reason for something."""
        return turn.once(("patterns",), lambda: self._usable(turn))

    def _usable(self, turn: Turn) -> list[Pattern]:
        known = self._learner.patterns(turn.read(PatternState), _origin(turn))
        return [pattern for pattern in known if self._learner.usable(pattern)]

    def _rows(self, entity: Entity) -> Mapping[str, Any]:
        state = entity.read(PatternState)
        origin = Origin(entity.entity_id, entity.entity_type, state.clock)
        return {p.pattern_id: p for p in self._learner.patterns(state, origin)}

    def _on_event(self, turn: Turn, event: Event) -> None:
        if event.event_type != GOAL_STATE:
            state = turn.edit(PatternState)
            _publish(turn, self._learner.on_event(state, event, turn.correlation_id))

    def _on_action(self, turn: Turn, action: Action) -> None:
        if not action.dry_run:
            self._on_event(turn, execution_event(turn, action))

    def _others(self, turn: Turn, metric: str) -> list[str]:
        others = [other for other in turn.read(Analyses).metrics if other != metric]
        if len(others) <= PAIRS_AT_ONCE:
            return others
        start = (turn.now // self._interval) * PAIRS_AT_ONCE % len(others)
        return (others[start:] + others[:start])[:PAIRS_AT_ONCE]


def _aligned(turn: Turn, metric: str, other: str) -> tuple[FloatArray, FloatArray] | None:
    """Newest values of both at the same moments; None when they cannot be compared."""
    first, second = turn.series(metric), turn.series(other)
    if first is None or second is None:
        return None
    step, other_step = first.step_ms, second.step_ms
    if min(step, other_step) <= 0 or max(step, other_step) > SAME_STEP * min(step, other_step):
        return None
    one, two = first.recent(), second.recent()
    lag = round((first.measured_at - second.measured_at) / step)
    one, two = one[: one.size - max(lag, 0)], two[: two.size + min(lag, 0)]
    size = min(one.size, two.size)
    return (one[-size:], two[-size:]) if size else None


def _publish(turn: Turn, news: list[Pattern]) -> None:
    for pattern in news:
        turn.emit(PATTERNS, pattern)


def _origin(turn: Turn) -> Origin:
    entity = turn.entity
    return Origin(entity.entity_id, entity.entity_type, turn.now, turn.correlation_id)
