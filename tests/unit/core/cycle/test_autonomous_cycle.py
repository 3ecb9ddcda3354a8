"""From a rising metric to a measured effect, and what is written down on the way."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.explanation import explain
from streams.core.kernel.names import ENGINE
from streams.core.learning.insights import insights
from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import ActionSpec
from streams.records import (
    Action,
    Alert,
    CauseKind,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    Prediction,
    PredictionKind,
    Priority,
    Severity,
    StepStatus,
    Strategy,
)
from tests.kits.core.loop import HOUR, MINUTE, Loop, config_of, done, urgent
from tests.kits.core.partition import START

STEPS = ("analyse_bottleneck", "optimise_resource", "monitor_resource")
NEVER = 10**12
"""Between two analyses, ms: there is none but the one that is asked for."""


class Plant:
    """Load that rises by 2 an hour; every act takes 20 off it."""

    def __init__(self, **fields: Any) -> None:
        self.shift = 0.0
        self.loop = Loop(config_of(**fields), self.handle)

    def handle(self, action: Action) -> HandlerResult:
        self.shift -= 20.0
        return done(action)

    def run_until(self, kind: str) -> None:
        """A value each ten minutes until there is a decision of this kind."""
        loop = self.loop
        while not loop.decisions(kind):
            loop.wait(10 * MINUTE)
            passed = loop.now - START
            assert passed < 40 * HOUR
            noise = 0.2 if passed // MINUTE % 20 else -0.2
            loop.measure(40 + 2 * passed / HOUR + noise + self.shift)


@pytest.fixture(scope="module")
def loop() -> Loop:
    """What is left of a plant whose first act was measured."""
    plant = Plant()
    plant.run_until("verification")
    return plant.loop


def replayed(**fields: Any) -> Loop:
    """A ramp that passes 95 with the sixth of the hourly values to come; nobody looked yet."""
    loop = Loop(
        config_of(
            forecasting=ForecastConfig(models=("holt_winters",), interval_ms=NEVER),
            actions={name: ActionSpec(unattended=True) for name in STEPS},
            **fields,
        )
    )
    loop.series((6 + 2 * i + 0.2 * (-1) ** i for i in range(40)), HOUR)
    assert loop.seen.emissions == []
    loop.command("analysis.run", "cpu")
    return loop


@pytest.mark.spec("S1-001")
def test_the_cycle_runs_on_one_rising_metric_alone(loop: Loop) -> None:
    (action,) = loop.asked
    chain = [
        (topic, getattr(record, "kind", ""))
        for topic, record in loop.log
        if record.correlation_id == action.correlation_id
    ]
    wanted = [
        ("predictions", PredictionKind.STATE),
        ("goals", ""),
        ("plans", ""),
        ("decisions", "plan"),
        ("decisions", "act"),
        ("actions", ""),
        ("outcomes", ""),
        ("decisions", "result"),
        ("decisions", "verification"),
    ]
    first = [chain.index(each) for each in wanted]
    assert first == sorted(first)
    learned = insights(loop.bench.state().learning)
    assert learned.effects["scale_out"]["cpu"].samples == 1


@pytest.mark.spec("S1-002")
def test_a_ramp_that_passes_its_limit_in_six_hours_is_one_goal_and_one_plan() -> None:
    loop = replayed()
    seen = loop.seen
    (breach,) = (p for p in seen.records("predictions") if p.kind is PredictionKind.BREACH)
    assert isinstance(breach, Prediction)
    assert breach.predicted_time == loop.now + 6 * HOUR
    goals: list[Goal] = seen.records("goals")
    (made,) = (goal for goal in goals if goal.revision == 1)
    assert {goal.goal_id for goal in goals} == {made.goal_id}
    assert made.goal_type is GoalType.BOTTLENECK_PREVENTION
    assert made.priority is Priority.CRITICAL
    assert (made.target_metric, made.target_value) == ("cpu", 80.0)
    assert made.direction.value == "at_most"
    assert made.deadline == loop.now + 4 * HOUR
    assert made.origin is GoalOrigin.AUTONOMOUS
    (plan,) = loop.plans()
    assert plan.goal_id == made.goal_id
    assert tuple(step.name for step in plan.actions) == STEPS
    assert plan.strategy is Strategy.IMMEDIATE
    assert plan.scheduled_time == loop.now
    assert plan.priority_score == 125
    assert [action.action_type for action in loop.asked] == [STEPS[0]]


@pytest.mark.spec("S1-087")
def test_a_goal_is_in_progress_from_the_moment_at_which_its_plan_starts() -> None:
    loop = replayed()
    (action,) = loop.asked
    states = [
        record.status
        for topic, record in loop.log
        if (topic == "goals" and isinstance(record, Goal))
        or (topic == "plans" and isinstance(record, Plan))
    ]
    assert states[:4] == [
        GoalStatus.ACTIVE,
        PlanStatus.SCHEDULED,
        GoalStatus.IN_PROGRESS,
        PlanStatus.RUNNING,
    ]
    assert loop.goal(action.goal_id).status is GoalStatus.IN_PROGRESS


@pytest.mark.spec("S1-104")
def test_the_worse_the_state_the_sooner_an_adaptive_plan_is_due() -> None:
    def delay(use: float) -> tuple[str, int]:
        loop = Loop(config_of(forecasting=ForecastConfig(models=("holt_winters",), interval_ms=0)))
        loop.series([use + i % 2 for i in range(40)], MINUTE)
        asked = urgent(goal_id="medium", target_metric="queue", priority=Priority.MEDIUM)
        loop.ask(asked)
        (plan,) = loop.plans("medium")
        assert plan.strategy is Strategy.ADAPTIVE
        return loop.bench.state().outlook.current_state, plan.scheduled_time - loop.now

    states, delays = zip(*(delay(use) for use in (30.0, 65.0, 75.0, 90.0)), strict=True)
    assert states == ("optimal", "healthy", "degraded", "critical")
    assert list(delays) == sorted(set(delays), reverse=True)
    assert delays[-1] == 0


def test_steps_follow_one_another_after_the_delay_between_them() -> None:
    loop = replayed()
    loop.wait(MINUTE)
    (plan,) = loop.plans()
    assert plan.status is PlanStatus.DONE
    delay = loop.bench.config.planning.action_delay_ms
    began = [step.started_at for step in plan.actions]
    assert began == [loop.now - MINUTE + i * delay for i in range(3)]
    assert [step.status for step in plan.actions] == [StepStatus.DONE] * 3
    assert [action.step for action in loop.asked] == [0, 1, 2]


@pytest.mark.spec("S1-170")
def test_a_goal_names_the_prediction_that_led_to_it() -> None:
    loop = replayed()
    made = loop.seen.records("goals")[0]
    known = {p.prediction_id: p for p in loop.seen.records("predictions")}
    assert made.cause_kind is CauseKind.PREDICTION
    cause = known[made.cause_id]
    assert (cause.metric, cause.kind) == ("cpu", PredictionKind.BREACH)
    assert made.cause_numbers["probability"] == cause.probability


@pytest.mark.spec("S1-194")
def test_a_goal_that_the_engine_set_can_be_explained() -> None:
    loop = replayed()
    made = loop.seen.records("goals")[0]
    told = explain(made)
    assert told.rule == "a forecast passes the limit of the metric's capacity"
    assert f"prediction {made.cause_id}" in told.inputs
    assert {"probability", "limit", "predicted_value", "target"} <= told.numbers.keys()
    assert told.numbers["limit"] == 95


@pytest.mark.spec("S1-180")
def test_a_critical_goal_raises_one_alert() -> None:
    loop = replayed()
    made = loop.seen.records("goals")[0]
    (told,) = loop.seen.records("alerts")
    assert isinstance(told, Alert)
    assert (told.severity, told.goal_id, told.metric) == (Severity.CRITICAL, made.goal_id, "cpu")
    assert told.summary == made.description
    loop.command("analysis.run", "cpu")
    assert len(loop.seen.records("alerts")) == 1


@pytest.mark.spec("S1-181")
def test_who_did_what_why_and_what_came_of_it_can_be_read_from_the_decisions(loop: Loop) -> None:
    (action,) = loop.asked
    told = [each for each in loop.seen.records("decisions") if each.subject_id == action.plan_id]
    planned, acted, ended, measured = told
    goal = loop.goal(action.goal_id)
    # What and who
    assert [each.kind for each in told] == ["plan", "act", "result", "verification"]
    assert (acted.actor, acted.mode, acted.chosen) == (ENGINE, "act", "scale_out")
    # Why
    assert goal.goal_id in acted.reason
    assert goal.description in acted.reason
    assert sum(each.propensity for each in planned.candidates) == pytest.approx(1.0)
    assert planned.inputs["metrics"] > 0
    # What came of it
    assert ended.chosen == PlanStatus.DONE
    assert measured.reason == "it helped"
    assert measured.measured_effect == pytest.approx(-20.0, abs=2.0)
    assert measured.reward is not None
    assert measured.reward > 0
    (outcome,) = (r for topic, r in loop.log if topic == "outcomes")
    assert isinstance(outcome, Outcome)
    assert (outcome.action_id, outcome.status) == (action.action_id, OutcomeStatus.SUCCESS)


def test_the_effect_is_measured_against_what_would_have_been(loop: Loop) -> None:
    (plan,) = loop.plans()
    (measured,) = loop.decisions("verification")
    settled = loop.bench.config.effects.settle_ms
    assert plan.ended_at is not None
    assert measured.timestamp >= plan.ended_at + settled
    impact = loop.bench.state().impact.metrics["cpu"]
    assert (impact.acts, impact.helped, impact.useless) == (1, 1, 0)
    assert impact.effect == measured.measured_effect
