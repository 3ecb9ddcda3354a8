"""Measures what acts did, once they had time to show, and lets everybody learn from it."""

from __future__ import annotations

from streams.core.config import CoreConfig
from streams.core.cycle.plan_runner import PlanRunner
from streams.core.cycle.readings import Readings
from streams.core.effects.expectation import Expectation
from streams.core.effects.impact import note
from streams.core.effects.verification import Readiness, Verification, readiness, verify
from streams.core.execution.machine import ENDED
from streams.core.kernel.journal import decide
from streams.core.kernel.turn import Turn
from streams.core.learning.record import observe_effect, observe_plan
from streams.core.safety.breaker import note_verification

UNKNOWN = "no value came in time; the effect stays unknown"


class EffectMeasurement:
    """Each expectation ends in one decision of kind ``verification``."""

    def __init__(self, config: CoreConfig, readings: Readings, conductor: PlanRunner) -> None:
        self._config = config
        self._readings = readings
        self._conductor = conductor

    def run(self, turn: Turn) -> None:
        state = turn.state
        for plan_id, expectation in list(state.expectations.items()):
            plan = state.plans.get(plan_id)
            if plan is not None and plan.status not in ENDED:
                continue
            at = self._readings.measured_at(state, expectation.metric)
            ready = readiness(expectation, turn.now, at, self._config.effects.patience_ms)
            if ready is Readiness.WAIT:
                continue
            found = None
            actual = self._readings.value(state, expectation.metric)
            if ready is Readiness.MEASURE and actual is not None and at is not None:
                found = verify(expectation, actual, at)
            self._settle(turn, plan_id, expectation, found)

    def _settle(
        self, turn: Turn, plan_id: str, expectation: Expectation, found: Verification | None
    ) -> None:
        state = turn.state
        turn.touched = True
        del state.expectations[plan_id]
        helped = None if found is None else found.helped
        if found is not None:
            self._learn(turn, expectation, found)
        note_verification(state.safety, helped, turn.now, self._config.safety)
        self._write(turn, expectation, found)
        goal, plan = state.goals.get(expectation.goal_id), state.plans.get(plan_id)
        if goal is not None and plan is not None:
            observe_plan(state.learning, plan, goal, turn.now, self._config.learning, helped=helped)
        self._conductor.after_attempt(turn, expectation.goal_id)

    def _learn(self, turn: Turn, expectation: Expectation, found: Verification) -> None:
        note(turn.state.impact, expectation, found)
        observe_effect(
            turn.state.learning,
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
        made = turn.state.choices.get(expectation.plan_id)
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
