"""Answers an action, or a changed goal, by the values to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.core.goals.state import Goals
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.names import SUGGESTIONS
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn
from streams.core.metric.reading import confidence, read_metrics
from streams.core.suggestions.config import SuggestionConfig
from streams.core.suggestions.nudge import nudge
from streams.core.suggestions.registry import create_strategy
from streams.records import Action, Record, Suggestion


class Suggested(Slice):
    """What was suggested last."""

    slice_name = "suggestions"

    latest: Suggestion | None = None


class Suggestions(Feature):
    """One proposed value for each metric that an open goal is about."""

    name = "suggestions"
    State = Suggested

    def __init__(self, config: SuggestionConfig) -> None:
        self._name = config.strategy
        self._strategy = create_strategy(config)

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Action: self.suggest}

    def views(self) -> Sequence[View]:
        return (
            View(
                "suggestions",
                "latest suggestion",
                "entity",
                lambda entity: {"": made} if (made := entity.read(Suggested).latest) else {},
            ),
        )

    def suggest(self, turn: Turn, action: Action | None = None) -> None:
        """Propose the next values for all targets of the entity; quiet without open goals."""
        goals = turn.read(Goals).open()
        readings = read_metrics(turn, (goal.target_metric for goal in goals))
        suggestion = nudge(
            action,
            goals,
            readings,
            self._strategy,
            self._name,
            turn.now,
            turn.new_id("suggestion"),
            turn.correlation_id,
            turn.entity.entity_id,
            turn.entity.entity_type,
            confidence(turn, readings),
        )
        if suggestion is not None:
            turn.edit(Suggested).latest = suggestion
            turn.emit(SUGGESTIONS, suggestion)
