"""What the outside reader counts, and what is made of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from msgspec.structs import replace

from streams.core.kernel.batch import MetricBatch, series_key
from streams.core.kernel.engine_events import ANOMALY_EVENT, SOURCE
from streams.demo.intervals import Held, IntervalCheck
from streams.demo.learned import Successes, rates_told, success_rates
from streams.demo.ledger import CHOICE, VERIFICATION, Ledger
from streams.demo.plant import EFFECT_ID
from streams.demo.summary import Cost, faults, figures, sentences
from streams.records import (
    Action,
    Alert,
    Candidate,
    DeadLetter,
    Decision,
    Event,
    Forecast,
    Goal,
    GoalOrigin,
    GoalStatus,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    PlanStep,
    Prediction,
    PredictionKind,
    Record,
    Severity,
    StepStatus,
    Strategy,
    Suggestion,
)

STEP = 300_000
START = 1_000_000_000

GOAL = Goal(
    entity_id="e",
    timestamp=START,
    goal_id="g",
    target_metric="m",
    target_value=1.0,
    origin=GoalOrigin.AUTONOMOUS,
    cause_numbers={"current": 1.0, "limit": 2.0},
    revision=1,
)
ACTION = Action(entity_id="e", timestamp=START, action_id="a", action_type="t")
OUTCOME = Outcome(
    entity_id="e",
    timestamp=START,
    event_id="o",
    run_id="r",
    agent_name="n",
    agent_type="worker",
    action_type="t",
    start_time=START,
    end_time=START,
    duration_ms=0.0,
    latency_ms=0.0,
    status=OutcomeStatus.SUCCESS,
    severity=Severity.INFO,
    action_id="a",
)
FORECAST = Forecast(
    entity_id="e",
    timestamp=START,
    forecast_id="f",
    metric="m",
    method="x",
    step_seconds=STEP / 1000,
    predictions=(1.0, 2.0),
    lower=(0.0, 1.0),
    upper=(2.0, 3.0),
    level=0.9,
    points=10,
)
DEAD = DeadLetter(
    entity_id="e",
    timestamp=START,
    dead_letter_id="d",
    reason="empty",
    detail="",
    topic="t",
    partition=0,
    offset=0,
)
SUGGESTION = Suggestion(entity_id="e", timestamp=START, suggestion_id="s")
EVENT = Event(
    entity_id="e", timestamp=START, event_id="v", event_type="t", metadata={EFFECT_ID: "x"}
)
PLAN = Plan(
    entity_id="e",
    timestamp=START,
    plan_id="p",
    goal_id="g",
    strategy=Strategy.ADAPTIVE,
    scheduled_time=START,
    actions=(PlanStep(name="t", params={EFFECT_ID: "x"}, status=StepStatus.DONE, action_id="a"),),
    status=PlanStatus.DONE,
    revision=2,
)
CHOSEN = Decision(
    entity_id="e",
    timestamp=START,
    decision_id="c",
    kind=CHOICE,
    subject_id="p",
    candidates=(
        Candidate(name="t", score=0.5, propensity=0.95),
        Candidate(name="u", score=0.25, propensity=0.05),
    ),
    chosen="t",
    expected_metric="m",
    expected_effect=-1.0,
    expected_lower=-2.0,
    expected_upper=0.0,
)
VERIFIED = Decision(
    entity_id="e",
    timestamp=START,
    decision_id="v",
    kind=VERIFICATION,
    subject_id="p",
    chosen="t",
    reason="it helped",
    expected_metric="m",
    expected_effect=-1.0,
    measured_effect=-1.5,
)
PREDICTION = Prediction(
    entity_id="e",
    timestamp=START,
    prediction_id="n",
    kind=PredictionKind.BREACH,
    probability=1.0,
    horizon_ms=1,
    confidence=1.0,
)
ALERT = Alert(
    entity_id="e",
    timestamp=START,
    alert_id="w",
    rule="critical_goal",
    severity=Severity.CRITICAL,
    summary="now",
)
RATES = {"t": Successes(3, 4)}
SENT = Counter(metrics=3, events=1)


def metrics(*values: float, start: int = START) -> MetricBatch:
    n = len(values)
    return MetricBatch(
        np.arange(n),
        start + STEP * np.arange(n),
        np.array(values),
        [series_key("e", "m")] * n,
        ["service"] * n,
        [""] * n,
    )


def complete() -> Ledger:
    ledger = Ledger({"m"})
    ledger.take_metrics(metrics(1.0, 1.5, 4.0))
    records: list[tuple[str, Record]] = [
        ("events", EVENT),
        ("actions", ACTION),
        ("goals", replace(GOAL, revision=0)),
        ("goals", GOAL),
        ("goals", replace(GOAL, revision=2, status=GoalStatus.ACHIEVED)),
        ("forecasts", FORECAST),
        ("suggestions", SUGGESTION),
        ("outcomes", OUTCOME),
        ("dead-letter", DEAD),
        ("predictions", PREDICTION),
        ("plans", PLAN),
        ("decisions", CHOSEN),
        ("decisions", VERIFIED),
        ("alerts", ALERT),
    ]
    ledger.take(records)
    return ledger


def test_the_figures_are_what_was_on_the_topics() -> None:
    assert figures(complete(), Cost(seconds=2.0, cpu_seconds=0.5)) == {
        "metrics_in": 3,
        "events_in": 1,
        "forecasts_out": 1,
        "goals_out": 2,
        "suggestions_out": 1,
        "predictions_out": 1,
        "plans_out": 1,
        "decisions_out": 2,
        "actions_out": 1,
        "outcomes_out": 1,
        "alerts_out": 1,
        "plans_made": 1,
        "plans_pursued": 1,
        "effects_measured": 1,
        "events_out": 0,
        "anomalies_out": 0,
        "dead_letters": 1,
        "seconds": 2.0,
        "events_per_cpu_second": 10.0,
    }


def test_a_complete_run_has_no_fault() -> None:
    assert faults(complete(), SENT, bad=1) == []


def test_a_missing_dead_letter_is_a_fault() -> None:
    assert faults(complete(), SENT, bad=2) == ["2 bad records sent, 1 dead letters"]


def test_a_lost_metric_is_a_fault() -> None:
    assert faults(complete(), SENT | Counter(metrics=4), bad=1) == [
        "metrics: 4 sent, 3 on the topic"
    ]


@pytest.mark.parametrize("extra", [replace(ACTION, action_id="b"), OUTCOME])
def test_an_action_without_exactly_one_outcome_is_a_fault(extra: Action | Outcome) -> None:
    ledger = complete()
    topic = "actions" if isinstance(extra, Action) else "outcomes"
    ledger.take([(topic, extra)])
    (fault,) = faults(ledger, SENT | Counter({topic: ledger.counts[topic]}), bad=1)
    assert fault.endswith("outcomes")


@pytest.mark.parametrize(
    ("topic", "changed"),
    [
        ("plans", replace(PLAN, revision=3, status=PlanStatus.FAILED)),
        ("plans", replace(PLAN, revision=3, actions=())),
        ("plans", replace(PLAN, revision=3, goal_id="h")),
        ("goals", replace(GOAL, revision=3, origin=GoalOrigin.USER)),
        ("decisions", replace(VERIFIED, measured_effect=None)),
        ("outcomes", replace(OUTCOME, status=OutcomeStatus.FAILURE)),
    ],
)
def test_a_pursuit_counts_only_from_goal_to_measured_effect(topic: str, changed: Record) -> None:
    ledger = complete()
    assert [plan.plan_id for plan in ledger.pursued()] == ["p"]
    ledger.take([(topic, changed)])
    assert ledger.pursued() == []
    fault = "no goal of the engine was pursued all the way to a measured effect"
    assert fault in faults(ledger, SENT, bad=1)


def test_what_the_resource_does_not_confirm_was_not_carried_out() -> None:
    ledger = Ledger({"m"})
    ledger.take([("goals", GOAL), ("plans", PLAN), ("outcomes", OUTCOME), ("decisions", VERIFIED)])
    assert ledger.pursued() == []
    ledger.take([("events", EVENT)])
    assert ledger.pursued() == [PLAN]


def test_a_choice_among_several_is_told_rather_than_one_without_alternative() -> None:
    ledger = Ledger(())
    alone = replace(CHOSEN, candidates=CHOSEN.candidates[:1])
    for decision in (alone, CHOSEN, alone):
        ledger.take([("decisions", decision)])
    assert ledger.choice == CHOSEN


def test_what_is_learned_is_summed_over_the_resources() -> None:
    def get(view: str, entity: str) -> object:
        assert view == "learning"
        rates = {"t": {"rate": 0.75, "samples": 4}, "u": {"rate": None, "samples": 0}}
        return {"action_success_rates": rates} if entity in ("web", "press") else None

    assert success_rates(get) == {"t": Successes(6, 8), "u": Successes(0, 0)}
    assert rates_told(success_rates(get)) == "t 75% of 8"


def test_silence_is_a_fault() -> None:
    found = faults(Ledger(()), Counter(), bad=0)
    assert {"no goals", "no forecasts", "no suggestions", "no outcomes"} <= set(found)


def test_an_older_revision_does_not_replace_a_newer_one() -> None:
    ledger = complete()
    ledger.take([("goals", GOAL)])
    assert ledger.goals["g"].status is GoalStatus.ACHIEVED


def test_the_sentences_say_what_was_learned() -> None:
    lines = sentences(complete(), Cost(2.0, 0.5), bad=1, level=0.9, rates=RATES)
    assert lines["goals"].startswith("1: 1 set ahead of a predicted breach, 0 at the breach")
    assert "1 achieved by measurement, 0 failed, 0 still open" in lines["goals"]
    assert lines["outcomes"] == "1 of 1 actions: 1 success"
    assert lines["plans"] == "1: 1 done; steps: 1 t"
    assert lines["decision"] == (
        "e: t of t (score 0.50, probability 95%), u (score 0.25, probability 5%); "
        "expected m -1 (-2 to +0)"
    )
    assert lines["effects"] == "1 measured, 1 of them for goals of the engine; it helped: 1"
    assert lines["learned"] == "t 75% of 4"
    assert lines["alerts"] == "1 critical_goal"
    assert lines["dead letters"] == "1 of 1 bad records: empty"
    assert "90% promised; 100.0% of 1 held one step ahead" in lines["intervals"]


def test_values_are_compared_with_the_intervals_of_their_time() -> None:
    check = IntervalCheck()
    check.forecast(FORECAST)
    check.measured(metrics(9.0, 2.0, 3.5))
    assert check.next_step() == Held(inside=1, compared=1)
    assert check.last_step() == Held(inside=0, compared=1)


def test_nothing_is_compared_where_nothing_was_measured() -> None:
    check = IntervalCheck()
    check.forecast(FORECAST)
    assert check.next_step() == Held(0, 0)
    check.measured(metrics(1.0))
    assert check.next_step() == Held(0, 0)
    assert check.next_step().share == 0.0


def test_the_engines_own_events_are_counted_by_type() -> None:
    ledger = Ledger(())
    own = Event(entity_id="web", timestamp=1, event_id="e", event_type=ANOMALY_EVENT, source=SOURCE)
    ledger.take([("events", own)])
    assert ledger.counts["events"] == 0
    assert ledger.noticed == {ANOMALY_EVENT: 1}
