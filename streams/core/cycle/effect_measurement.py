"""Measures what actions did, once they had time to show, and lets everybody learn from it."""

from __future__ import annotations

from streams.core.config import CoreConfig
from streams.core.cycle.plan_runner import PlanRunner
from streams.core.effects.expectation import Expectation
from streams.core.effects.impact import ImpactState, note
from streams.core.effects.verification import Readiness, Verification, readiness, verify
from streams.core.execution.machine import ENDED
from streams.core.execution.state import Plans
from streams.core.goals.state import Goals
from streams.core.kernel.journal import decide
from streams.core.kernel.turn import Turn
from streams.core.learning.record import observe_effect, observe_plan
from streams.core.learning.state import LearningState
from streams.core.safety.breaker import note_verification
from streams.core.safety.state import SafetyState

UNKNOWN = "no value came in time; the effect stays unknown"


class EffectMeasurement:
    """Each expectation ends in one decision of kind ``verification``."""

    def __init__(self, config: CoreConfig, runner: PlanRunner) -> None:
        self._config = config
        self._runner = runner

    def run(self, turn: Turn) -> None:
        """Measure the effects of all plans that were done long enough ago."""
        plans = turn.read(Plans)
        for expectation in plans.expectations():
            plan = plans.get(expectation.plan_id)
            if plan is not None and plan.status not in ENDED:
                continue
            series = turn.series(expectation.metric)
            at = None if series is None else series.measured_at
            ready = readiness(expectation, turn.now, at, self._config.effects.patience_ms)
            if ready is Readiness.WAIT:
                continue
            found = None
            if ready is Readiness.MEASURE and series is not None:
                found = verify(expectation, series.value, series.measured_at)
            self._settle(turn, expectation, found)

    def _settle(self, turn: Turn, expectation: Expectation, found: Verification | None) -> None:
        turn.edit(Plans).entries[expectation.plan_id].expectation = None
        helped = None if found is None else found.helped
        if found is not None:
            self._learn(turn, expectation, found)
        note_verification(turn.edit(SafetyState), helped, turn.now, self._config.safety)
        self._write(turn, expectation, found)
        goal = turn.read(Goals).get(expectation.goal_id)
        plan = turn.read(Plans).get(expectation.plan_id)
        if goal is not None and plan is not None:
            learning = turn.edit(LearningState)
            observe_plan(learning, plan, goal, turn.now, self._config.learning, helped=helped)
        self._runner.after_attempt(turn, expectation.goal_id)

    def _learn(self, turn: Turn, expectation: Expectation, found: Verification) -> None:
        note(turn.edit(ImpactState), expectation, found)
        observe_effect(
            turn.edit(LearningState),
            expectation.proposal,
            expectation.metric,
            found.effect,
            found.reward,
            expectation.context,
            turn.now,
            self._config.learning,
            helped=found.helped,
        )

    def _write(self, turn: Turn, expectation: Expectation, found: Verification | None) -> None:
        made = turn.read(Plans).choice(expectation.plan_id)
        decide(
            turn,
            "verification",
            expectation.plan_id,
            correlation_id=expectation.correlation_id,
            candidates=() if made is None else made.candidates,
            chosen=expectation.proposal,
            reason=UNKNOWN if found is None else _told(found),
            expected_metric=expectation.metric,
            expected_effect=expectation.effect,
            expected_lower=expectation.effect_lower,
            expected_upper=expectation.effect_upper,
            measured_effect=None if found is None else found.effect,
            reward=None if found is None else found.reward,
            mode="" if made is None else made.mode,
            model_version="" if made is None else made.policy,
            context={name: repr(value) for name, value in expectation.context.items()},
        )


def _told(found: Verification) -> str:
    if found.helped is None:
        return "whether it helped cannot be told from noise"
    return "it helped" if found.helped else "it did not help"
