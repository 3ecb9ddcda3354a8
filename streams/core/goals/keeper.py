"""Keeps the goals of an entity: takes requests, measures, closes, publishes, suggests."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec.structs import replace

from streams.core.batch import series_key
from streams.core.config import CoreConfig
from streams.core.goals.admission import Refusal, admit, aim, enforce_cap
from streams.core.goals.measurement import (
    CloseReason,
    cancel,
    close_expired,
    is_notable,
    measure,
)
from streams.core.goals.targets import read_targets, replace_targets
from streams.core.series import SeriesStore
from streams.core.suggestions.nudge import MetricReading, nudge
from streams.core.suggestions.registry import create_strategy
from streams.core.turn import Turn
from streams.records import Action, Decision, Event, Goal

GOALS = "goals"
SUGGESTIONS = "suggestions"
DECISIONS = "decisions"


class Goalkeeper:
    """All changes to ``EntityState.goals`` go through here, so each is published once."""

    def __init__(self, config: CoreConfig, series: SeriesStore) -> None:
        self._config = config
        self._series = series
        self._strategy = create_strategy(config.suggestions)

    def request(self, turn: Turn, goal: Goal) -> None:
        """A goal that a user or a rule wants; it is admitted, changed or refused with a reason."""
        reading = self._reading(turn, goal.target_metric)
        current = reading.value if reading else None
        goal = replace(goal, correlation_id=goal.correlation_id or turn.correlation_id)
        result = admit(goal, turn.state, current, turn.now, self._config.goals)
        if isinstance(result, Refusal):
            self._refused(turn, result)
        elif result is not None:
            self._admitted(turn, [result])

    def restore(self, turn: Turn, goals: list[Goal]) -> None:
        """Take goals over as they are, from the export of another system."""
        for goal in goals:
            self._store(turn, goal, publish=True)

    def replace_targets(self, turn: Turn, event: Event) -> None:
        """An event that names all targets of the entity: metric -> target as text."""
        targets, unreadable = read_targets(event.metadata)
        if unreadable:
            names = ", ".join(unreadable)
            self._decide(turn, "ignored_target", event.event_id, f"not a finite number: {names}")
        readings = {
            metric: reading.value
            for metric in targets
            if (reading := self._reading(turn, metric)) is not None
        }
        event = replace(event, correlation_id=turn.correlation_id)
        change = replace_targets(turn.state, targets, readings, event, turn.now, self._config.goals)
        for goal in change.closed:
            self._store(turn, goal, publish=True)
        for refusal in change.refused:
            self._refused(turn, refusal)
        self._admitted(turn, list(change.admitted))

    def cancel(self, turn: Turn, goal_id: str, reason: str) -> bool:
        """Cancel an open goal; False when there is none of this id."""
        goal = turn.state.goals.get(goal_id)
        if goal is None or not goal.status.is_open:
            return False
        self._store(turn, cancel(goal, reason or CloseReason.REQUESTED, turn.now), publish=True)
        return True

    def measure(self, turn: Turn, row: int) -> None:
        """The newest value of the series moves the open goals on its metric."""
        metric = self._series.metrics[row]
        hot = self._series.hot
        value, previous = float(hot["last"][row]), _known(hot["previous"][row])
        goals = turn.state.open_goals(metric)
        noise = self._noise(row) if goals else 0.0
        for goal in goals:
            after = measure(goal, value, previous, turn.now, noise)
            if after is None:
                continue
            published = turn.state.published_progress.get(goal.goal_id)
            self._store(turn, after, publish=is_notable(goal, after, published))

    def sweep(self, turn: Turn) -> None:
        """Fail the open goals whose deadline has passed, also on metrics that are silent."""
        for goal in turn.state.open_goals():
            expired = close_expired(goal, turn.now)
            if expired is not None:
                self._store(turn, expired, publish=True)

    def suggest(self, turn: Turn, action: Action | None) -> None:
        """Propose the next values for all targets of the entity; quiet without open goals."""
        goals = turn.state.open_goals()
        metrics = dict.fromkeys(goal.target_metric for goal in goals)
        readings = {
            metric: reading
            for metric in metrics
            if (reading := self._reading(turn, metric)) is not None
        }
        suggestion = nudge(
            action,
            goals,
            readings,
            self._strategy,
            self._config.suggestions.strategy,
            turn.now,
            turn.new_id("suggestion"),
            turn.correlation_id,
            turn.state.entity_id,
            turn.state.entity_type,
            self._confidence(turn, readings),
        )
        if suggestion is not None:
            turn.state.suggestion = suggestion
            turn.touched = True
            turn.emit(SUGGESTIONS, suggestion)

    def _admitted(self, turn: Turn, goals: list[Goal]) -> None:
        for goal in goals:
            self._store(turn, goal, publish=True)
        for goal in enforce_cap(turn.state, turn.now, self._config.goals):
            self._store(turn, goal, publish=True)
        still_open = {goal.goal_id for goal in turn.state.open_goals()}
        if any(goal.goal_id in still_open for goal in goals):
            self.suggest(turn, None)

    def _store(self, turn: Turn, goal: Goal, *, publish: bool) -> None:
        state = turn.state
        before = state.goals.get(goal.goal_id)
        state.goals[goal.goal_id] = goal
        turn.touched = True
        if before is None or before.status.is_open != goal.status.is_open:
            turn.changed_metrics.add(goal.target_metric)
        elif aim(before) != aim(goal):
            turn.changed_metrics |= {before.target_metric, goal.target_metric}
        if publish:
            state.published_progress[goal.goal_id] = goal.progress
            turn.emit(GOALS, goal)
        if not goal.status.is_open:
            state.published_progress.pop(goal.goal_id, None)
            self._forget_oldest(turn)

    def _forget_oldest(self, turn: Turn) -> None:
        goals = turn.state.goals
        closed = [id_ for id_, goal in goals.items() if not goal.status.is_open]
        closed.sort(key=lambda id_: goals[id_].closed_at or 0)
        for id_ in closed[: max(0, len(closed) - self._config.goals.closed_goals_kept)]:
            del goals[id_]

    def _refused(self, turn: Turn, refusal: Refusal) -> None:
        self._decide(turn, refusal.reason.value, refusal.goal_id, refusal.text)

    def _decide(self, turn: Turn, chosen: str, subject_id: str, reason: str) -> None:
        where = turn.position
        turn.emit(
            DECISIONS,
            Decision(
                entity_id=turn.state.entity_id,
                entity_type=turn.state.entity_type,
                timestamp=turn.now,
                correlation_id=turn.correlation_id,
                decision_id=turn.new_id("decision"),
                kind="refusal",
                subject_id=subject_id,
                inputs={where.topic: where.offset},
                chosen=chosen,
                reason=reason,
            ),
        )

    def _reading(self, turn: Turn, metric: str) -> MetricReading | None:
        row = self._series.find(series_key(turn.state.entity_id, metric))
        if row is None:
            return None
        hot = self._series.hot
        return MetricReading(
            value=float(hot["last"][row]),
            previous=_known(hot["previous"][row]),
            baseline=float(hot["baseline"][row]),
            dead_band=self._noise(row),
        )

    def _noise(self, row: int) -> float:
        """Running one-step forecast error: a change below it says nothing about the trend."""
        quality = self._series.bank.quality(row)
        return 0.0 if quality is None else quality.error

    def _confidence(self, turn: Turn, readings: Mapping[str, MetricReading]) -> float | None:
        """Lowest forecast confidence among the measured targets; None before any was scored."""
        keys = [series_key(turn.state.entity_id, metric) for metric in readings]
        rows = [row for key in keys if (row := self._series.find(key)) is not None]
        known = [quality for row in rows if (quality := self._series.bank.quality(row))]
        return min((quality.confidence for quality in known), default=None)


def _known(value: float) -> float | None:
    """A stored number; None where none was stored yet."""
    return None if math.isnan(value) else float(value)
