"""Learns from every action that ends, whoever asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.kernel.feature import Feature, Handler
from streams.core.kernel.turn import Turn
from streams.core.learning.config import LearningConfig
from streams.core.learning.record import observe_action
from streams.core.learning.state import LearningState
from streams.records import Outcome, Record


class Learning(Feature):
    """Rates, durations, hours and lessons of action types; plans and effects come by the cycle."""

    name = "learning"
    State = LearningState

    def __init__(self, config: LearningConfig) -> None:
        self._config = config

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Outcome: self._on_outcome}

    def _on_outcome(self, turn: Turn, outcome: Outcome) -> None:
        observe_action(turn.edit(LearningState), outcome, turn.now, self._config)
