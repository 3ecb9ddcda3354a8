"""What a candidate is expected to change of its goal's metric, beside what comes without it."""

from __future__ import annotations

from streams.core.config import CoreConfig
from streams.core.cycle.readings import Readings
from streams.core.effects.expectation import Expectation, expect, settle_ms
from streams.core.kernel.entity import EntityState
from streams.core.kernel.model_results import SeriesForecast
from streams.core.learning.state import learned_effect
from streams.core.metric.progress import signed_gap
from streams.core.planning.proposal import Proposal
from streams.records import Goal, Plan


class Expecter:
    """As of the record at hand."""

    def __init__(self, config: CoreConfig, readings: Readings) -> None:
        self._config = config
        self._readings = readings
        self._steered = frozenset(rule.capacity_metric for rule in config.setting.scaling.values())

    def expect(
        self,
        state: EntityState,
        goal: Goal,
        plan: Plan,
        *,
        declared: float | None,
        forecast: SeriesForecast | None,
        now: int,
    ) -> Expectation | None:
        """``declared`` is the effect that the catalogue tells, ``forecast`` that of the goal's
        metric, made now. None where the metric was never measured.

        A metric that only acts move stays where it is without them, whatever a forecast says that
        has learned the engine's own habits; and an act for it is expected to reach the target.
        """
        metric = goal.target_metric
        current = self._readings.value(state, metric)
        if current is None:
            return None
        steered = metric in self._steered
        effect = signed_gap(goal.target_value, current) if steered else declared
        return expect(
            goal,
            Proposal(plan.proposal, plan.actions, effect),
            now=now,
            settle_ms=settle_ms(self._config.effects, plan),
            forecast=None if steered else forecast,
            learned=None if steered else learned_effect(state.learning, plan.proposal, metric),
            current=current,
            config=self._config.effects,
        )
