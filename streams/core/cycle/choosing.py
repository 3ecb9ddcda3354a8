"""Which of the candidates for a goal is tried, and what is expected of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.core.config import CoreConfig
from streams.core.effects.expectation import Expectation, expect, settle_ms
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.core.learning.bandit import Choice, choose
from streams.core.learning.state import LearningState, is_blocked, learned_effect
from streams.core.metric.progress import signed_gap
from streams.core.planning.plan import PlanCandidate
from streams.core.planning.simulate import rank
from streams.records import Goal, Plan

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A candidate, and all that the choice was made of."""

    proposal: PlanCandidate
    choice: Choice
    context: Mapping[str, float]


class Chooser:
    """A contextual bandit over the candidates, each with a prior by what is known of it."""

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        self._known = config.known
        self._steered = frozenset(rule.capacity_metric for rule in config.setting.scaling.values())

    def choose(
        self, turn: Turn, goal: Goal, candidates: Sequence[PlanCandidate], seed: str
    ) -> Chosen | None:
        """One of ``candidates``; None when all are blocked, since they did not help lately.

        ``seed`` makes the choice repeatable.
        """
        metric, learning = goal.target_metric, turn.read(LearningState)
        context = self._context(turn, goal)
        choice = choose(
            learning,
            [proposal.name for proposal in candidates],
            context,
            priors=_priors(learning, goal, candidates, forecast_of(turn, metric)),
            blocked={
                each.name
                for each in candidates
                if is_blocked(learning, each.name, metric, turn.now)
            },
            seed=seed,
            config=self._config.learning,
        )
        return None if choice is None else Chosen(candidates[choice.index], choice, context)

    def expect(
        self, turn: Turn, goal: Goal, plan: Plan, declared: float | None
    ) -> Expectation | None:
        """What the plan is to change from now on; ``declared`` is the effect that the catalogue
        tells. None where the goal's metric was never measured.

        A metric that only actions move stays where it is without them, whatever a forecast says
        that has learned the engine's own habits; and an action for it is expected to reach the
        target.
        """
        metric = goal.target_metric
        steered, series = metric in self._steered, turn.series(metric)
        if series is None:
            return None
        effect = signed_gap(goal.target_value, series.value) if steered else declared
        learned = learned_effect(turn.read(LearningState), plan.proposal, metric)
        return expect(
            goal,
            PlanCandidate(plan.proposal, plan.actions, effect),
            now=turn.now,
            settle_ms=settle_ms(self._config.effects, plan),
            forecast=None if steered else series.forecast(),
            learned=None if steered else learned,
            current=series.value,
            config=self._config.effects,
        )

    def scale(self, goal: Goal) -> float | None:
        """What a change of the goal's metric is compared with; None when nothing is known."""
        return self._known.scale(goal.target_metric, goal.baseline, goal.target_value)

    def _context(self, turn: Turn, goal: Goal) -> dict[str, float]:
        """How far off the target is, and when in the day it is; all about -1..1."""
        angle = 2 * math.pi * (turn.now % (24 * HOUR_MS)) / (24 * HOUR_MS)
        scale, series = self.scale(goal), turn.series(goal.target_metric)
        gap = 0.0 if series is None else signed_gap(goal.target_value, series.value)
        return {
            "gap": math.tanh(gap / scale) if scale else 0.0,
            "hour_cos": round(math.cos(angle), 9),
            "hour_sin": round(math.sin(angle), 9),
        }


def forecast_of(turn: Turn, metric: str) -> SeriesForecast | None:
    """The forecast of a metric as of now; None where there is none."""
    series = turn.series(metric)
    return None if series is None else series.forecast()


def _priors(
    learning: LearningState,
    goal: Goal,
    candidates: Sequence[PlanCandidate],
    forecast: SeriesForecast | None,
) -> dict[str, float]:
    """Each candidate tried on the forecast: the share of what is missing that it would bring,
    by the effect that is declared; where none is, by the one that was measured."""
    path: list[float] = [] if forecast is None else forecast.mean.tolist()
    learned = {
        each.name: known[0]
        for each in candidates
        if each.effect is None
        and (known := learned_effect(learning, each.name, goal.target_metric)) is not None
    }
    ranked = rank(candidates, path, goal, learned=learned)
    return {each.proposal.name: each.gain for each in ranked}
