"""Which of the candidates for a goal is tried, and what is expected of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.core.config import CoreConfig
from streams.core.cycle.readings import Readings
from streams.core.kernel.entity import EntityState
from streams.core.kernel.model_results import SeriesForecast
from streams.core.learning.bandit import Choice, choose
from streams.core.learning.state import is_blocked, learned_effect
from streams.core.metric.progress import signed_gap
from streams.core.planning.proposal import Proposal
from streams.core.planning.simulate import rank
from streams.records import Goal

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A candidate, and all that the choice was made of."""

    proposal: Proposal
    choice: Choice
    context: Mapping[str, float]


class Chooser:
    """A contextual bandit over the candidates, each with a prior by what is known of it."""

    def __init__(self, config: CoreConfig, readings: Readings) -> None:
        self._config = config
        self._readings = readings

    def choose(
        self,
        state: EntityState,
        goal: Goal,
        proposals: Sequence[Proposal],
        *,
        forecast: SeriesForecast | None,
        now: int,
        seed: str,
    ) -> Chosen | None:
        """One of ``proposals``; None when all are blocked, since they did not help lately.

        ``forecast`` is that of the goal's metric, ``seed`` makes the choice repeatable.
        """
        metric = goal.target_metric
        context = self._context(state, goal, now)
        choice = choose(
            state.learning,
            [proposal.name for proposal in proposals],
            context,
            priors=_priors(state, goal, proposals, forecast),
            blocked={
                each.name
                for each in proposals
                if is_blocked(state.learning, each.name, metric, now)
            },
            seed=seed,
            config=self._config.learning,
        )
        return None if choice is None else Chosen(proposals[choice.index], choice, context)

    def _context(self, state: EntityState, goal: Goal, now: int) -> dict[str, float]:
        """How far off the target is, and when in the day it is; all about -1..1."""
        angle = 2 * math.pi * (now % (24 * HOUR_MS)) / (24 * HOUR_MS)
        scale = self._readings.scale(goal)
        gap = self._gap(state, goal)
        return {
            "gap": math.tanh(gap / scale) if scale else 0.0,
            "hour_cos": round(math.cos(angle), 9),
            "hour_sin": round(math.sin(angle), 9),
        }

    def _gap(self, state: EntityState, goal: Goal) -> float:
        """What is missing to the target, signed; 0 without a value."""
        value = self._readings.value(state, goal.target_metric)
        return 0.0 if value is None else signed_gap(goal.target_value, value)


def _priors(
    state: EntityState,
    goal: Goal,
    proposals: Sequence[Proposal],
    forecast: SeriesForecast | None,
) -> dict[str, float]:
    """Each candidate tried on the forecast: the share of what is missing that it would bring,
    by the effect that is declared; where none is, by the one that was measured."""
    path: list[float] = [] if forecast is None else forecast.mean.tolist()
    learned = {
        each.name: known[0]
        for each in proposals
        if each.effect is None
        and (known := learned_effect(state.learning, each.name, goal.target_metric)) is not None
    }
    ranked = rank(proposals, path, goal, learned=learned)
    return {each.proposal.name: each.gain for each in ranked}
