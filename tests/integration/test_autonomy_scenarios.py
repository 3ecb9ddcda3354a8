"""From a climbing metric to a goal that was met, missed or left to a person, as seen from outside.

A user's target with its suggestion of half the way is in ``test_engine_outside``; a worker that
dies in the middle of a plan is in ``tests/faults/test_plans.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.records import (
    Action,
    Alert,
    Decision,
    Event,
    Goal,
    GoalOrigin,
    GoalStatus,
    Metric,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    Prediction,
    PredictionKind,
    Severity,
    Suggestion,
)
from tests.kits.kafka import plan_handlers
from tests.kits.kafka.deployment import Deployment, Sections, deployed, until
from tests.kits.kafka.harness import KafkaHarness
from tests.kits.kafka.recording import ENTITIES, MINUTES, record, replay
from tests.kits.kafka.scene import ENTITY, METRIC, Scene, autonomy_sections
from tests.kits.kafka.stage import Stage

pytestmark = pytest.mark.timeout(300)

BOTH = "drain+shed"


@pytest.fixture
def handled(tmp_path: Path) -> Path:
    """Where the handlers say that they ran."""
    return tmp_path / "handled"


@pytest.fixture
def sections(handled: Path) -> dict[str, dict[str, object]]:
    return autonomy_sections(handled)


@pytest.mark.spec("S1-118", "S1-181", "S1-188")
def test_a_ramp_becomes_a_goal_that_is_met(deployment: Deployment, handled: Path) -> None:
    scene = Scene(deployment, deployment.worker("a").start().wait_ready())
    scene.ramp()
    seen = scene.goal()
    [breach] = [row for row in scene.rows("predictions") if row["kind"] == "breach"]
    assert (breach["prediction_id"], breach["metric"]) == (seen["cause_id"], METRIC)
    assert (seen["goal_type"], seen["origin"]) == ("bottleneck_prevention", "autonomous")
    assert (seen["target_value"], seen["baseline"]) == (60.0, seen["cause_numbers"]["current"])
    scene.climb()  # predicted again: no second goal
    plan = scene.await_plan("done")
    assert plan_handlers.ran(handled) == ["drain", "shed"]

    scene.measure(66.0)
    part = (seen["baseline"] - 66.0) / (seen["baseline"] - 60.0)
    assert scene.goal()["progress"] == pytest.approx(part)
    scene.measure(*[45.0] * 18)
    require_seen(scene, plan["plan_id"])
    scene.worker.stop()
    require_one_story(scene)
    require_same_decisions(scene)


def require_seen(scene: Scene, plan_id: str) -> None:
    """Every step shows in the views."""
    goal = scene.goal()
    assert (goal["status"], goal["progress"], goal["attempts"]) == ("achieved", 1.0, 1)
    [plan] = scene.plans()
    assert [step["status"] for step in plan["actions"]] == ["done", "done"]
    assert plan["expected_effect"] == -30.0
    [outcomes] = scene.rows("outcomes")
    assert [each["status"] for each in outcomes] == ["success", "success"]
    learned = scene.row("learning")
    rates = learned["action_success_rates"]
    assert rates == {name: {"rate": 1.0, "samples": 1} for name in ("drain", "shed")}
    effect = learned["effects"][BOTH][METRIC]
    assert effect["samples"] == 1
    assert effect["last"] < -20
    autonomy = scene.row("autonomy")
    assert (autonomy["counters"]["plans_done"], autonomy["unmeasured"]) == (1, [])
    impact = autonomy["impact"][METRIC]
    assert (impact["acts"], impact["helped"]) == (1, 1)
    assert impact["change"] < -20  # measured before and after, not what the handler says
    told = scene.row("achievements")
    assert (told["total_goals"], told["achieved_goals"], told["active_goals"]) == (1, 1, 0)

    assert scene.get(f"/api/autonomous/plans/{ENTITY}/{plan_id}")["status"] == "done"
    executor = scene.get("/api/autonomous/status")["executor"]
    assert (executor["successful_executions"], executor["total_actions_executed"]) == (1, 2)
    explained = scene.get(f"/api/autonomous/goals/{ENTITY}/{goal['goal_id']}/explanation")
    assert explained["goal_id"] == goal["goal_id"]


def require_same_decisions(scene: Scene) -> None:
    """The recorded topics, decided again, give the same decisions byte for byte."""
    told = scene.deployment.home / "replayed.json"
    scene.deployment.command("replay", "--strict", "--json", str(told), home=scene.worker.home)
    decided = {each.kind for each in scene.records("decisions", Decision)}
    assert decided == {"plan", "act", "result", "verification"}
    assert json.loads(told.read_text())["same"] == len(scene.records("decisions", Decision))


def require_one_story(scene: Scene) -> None:
    """All records that came of the prediction bear the id of the metric that brought it about."""
    goals = scene.records("goals", Goal)
    first = goals[0]
    assert {goal.goal_id for goal in goals} == {first.goal_id}
    predictions = [
        each
        for each in scene.records("predictions", Prediction)
        if each.kind is PredictionKind.BREACH
    ]
    assert len(predictions) >= 2
    [cause] = [each for each in predictions if each.prediction_id == first.cause_id]
    story = cause.correlation_id
    [metric] = [
        each for each in scene.records("metrics", Metric) if each.timestamp == cause.timestamp
    ]
    assert metric.correlation_id == story
    assert {goal.correlation_id for goal in goals} == {story}
    assert [goal.progress for goal in goals if goal.status is GoalStatus.ACHIEVED] == [1.0]

    plans = scene.records("plans", Plan)
    assert len({plan.plan_id for plan in plans}) == 1
    assert {plan.correlation_id for plan in plans} == {story}
    assert [plan.revision for plan in plans] == list(range(1, len(plans) + 1))
    assert plans[-1].status is PlanStatus.DONE

    actions = scene.records("actions", Action)
    assert [each.action_type for each in actions] == ["drain", "shed"]
    assert {(each.correlation_id, each.plan_id) for each in actions} == {(story, plans[0].plan_id)}
    outcomes = scene.records("outcomes", Outcome)
    assert [each.action_id for each in outcomes] == [each.action_id for each in actions]
    assert {each.correlation_id for each in outcomes} == {story}
    assert [each.impact_claimed for each in outcomes] == [{}, {METRIC: -30.0}]
    assert any(each.correlation_id == story for each in scene.records("suggestions", Suggestion))
    executed = [
        each.correlation_id
        for each in scene.records("events", Event)
        if each.event_type.startswith("agent_execution")
    ]
    assert executed == [story, story]

    decisions = scene.records("decisions", Decision)
    assert [each.kind for each in decisions] == ["plan", "act", "result", "verification"]
    assert {each.correlation_id for each in decisions} == {story}
    assert {each.subject_id for each in decisions} == {plans[0].plan_id}
    assert {each.actor for each in decisions} == {"goalstream"}
    act, result, verification = decisions[1:]
    assert (act.chosen, result.chosen, verification.reason) == (BOTH, "done", "it helped")
    assert first.goal_id in act.reason
    assert verification.measured_effect is not None
    assert verification.measured_effect < -20
    assert scene.records("alerts", Alert) == []


@pytest.mark.spec("S1-116", "S1-123")
def test_without_a_handler_the_goal_fails_after_its_attempts(deployment: Deployment) -> None:
    # The leap of the values below is more than the forecast's intervals allow for.
    own: Sections = {"worker": {"handlers": []}, "safety": {"min_coverage": 0}}
    scene = Scene(deployment, deployment.worker("a", own).start().wait_ready())
    scene.ramp()
    baseline = scene.goal()["baseline"]
    scene.measure(70.0)
    progress = pytest.approx((baseline - 70.0) / (baseline - 60.0))
    assert scene.goal()["progress"] == progress
    for attempt in (1, 2, 3):
        if attempt > 1:
            scene.await_plan("scheduled", attempt)
            scene.measure(70.0)
        scene.await_plan("failed", attempt)
    goal = scene.goal()
    assert (goal["attempts"], goal["progress"]) == (3, progress)
    assert [plan["status"] for plan in scene.plans()] == ["failed"] * 3
    scene.worker.stop()

    outcomes = scene.records("outcomes", Outcome)
    assert len({each.action_id for each in outcomes}) == len(outcomes) == 3
    assert {(each.status, each.error_type) for each in outcomes} == {
        (OutcomeStatus.FAILURE, "NoHandler")
    }
    assert [each.action_type for each in scene.records("actions", Action)] == ["drain"] * 3
    after = [each for each in scene.records("goals", Goal) if each.attempts]
    assert {each.progress for each in after} == {after[0].progress}
    assert after[0].progress == progress
    [alert] = scene.records("alerts", Alert)
    assert (alert.rule, alert.severity) == ("goal_failed", Severity.ERROR)
    assert alert.goal_id == goal["goal_id"]
    assert alert.correlation_id == goal["correlation_id"]


@pytest.mark.spec("S1-009")
def test_in_manual_mode_only_a_persons_goal_is_pursued_and_only_when_approved(
    deployment: Deployment, handled: Path
) -> None:
    scene = Scene(deployment, deployment.worker("a").start().wait_ready())
    scene.tell_everybody("mode.set", by="alice", autonomous="false")
    system = scene.get("/api/autonomous/mode")["system"]
    assert (system["autonomous"], system["settled"]) == (False, True)
    scene.ramp("predictions")
    for _ in range(3):
        scene.climb()
    assert any(row["kind"] == "breach" for row in scene.rows("predictions"))
    for topic in ("goals", "plans", "actions"):
        assert not any(deployment.kafka.end_offsets(deployment.topic(topic)).values()), topic

    scene.command(
        "goal.create", "g-1", by="alice", target_metric=METRIC, target_value="60",
        direction="at_most",
    )  # fmt: skip
    until(lambda: bool(scene.rows("goals")), "the user's goal")
    goal = scene.goal()
    assert (goal["goal_id"], goal["origin"]) == ("g-1", "user")
    assert goal["baseline"] == scene.row("metric_state", METRIC)["last"]
    suggestion = scene.row("suggestions")
    assert [each["goal_id"] for each in suggestion["analysis"]] == ["g-1"]
    plan = scene.await_plan("waiting")
    assert plan["expires_at"] > scene.now
    scene.climb()
    assert scene.row("autonomy")["awaiting_approval"] == [plan["plan_id"]]
    assert not any(deployment.kafka.end_offsets(deployment.topic("actions")).values())

    scene.command("plan.approve", plan["plan_id"], by="bob")
    done = scene.await_plan("done")
    assert (done["plan_id"], done["approved_by"]) == (plan["plan_id"], "bob")
    assert plan_handlers.ran(handled) == ["drain", "shed"]
    scene.worker.stop()

    assert {goal.origin for goal in scene.records("goals", Goal)} == {GoalOrigin.USER}
    decisions = scene.records("decisions", Decision)
    kinds = Counter(each.kind for each in decisions)
    assert kinds == {"plan": 1, "approval": 1, "act": 1, "result": 1}
    assert {each.mode for each in decisions if each.kind in ("plan", "act")} == {"approve"}
    assert len(scene.records("outcomes", Outcome)) == 2


VIEWS = ("goals", "plans", "learning", "autonomy", "achievements", "suggestions", "patterns")
WRITTEN = ("goals", "plans", "actions", "decisions", "alerts", "predictions", "suggestions")


def test_the_same_records_again_give_the_same_goals_plans_and_learning(
    deployment: Deployment,
    kafka: KafkaHarness,
    unique: str,
    tmp_path: Path,
    sections: dict[str, dict[str, object]],
) -> None:
    """Topics, group and state of the second worker are new; it acts on nothing, since what became
    of the actions is in the records."""
    own: Sections = {
        "worker": {"tick_seconds": 3600},  # time passes by the records alone
        "forecasting": {"interval_seconds": 300},
        "planning": {
            "action_delay_seconds": 0, "adaptive_delay_seconds": 0, "cooldown_seconds": 240,
        },
        # By name, so that only the first worker carries them out.
        "actions.drain": {"agent": deployment.name},
        "actions.shed": {"agent": deployment.name},
    }  # fmt: skip
    first = Stage(deployment, deployment.worker("a", own).start().wait_ready())
    recording = record(first)
    assert sum(map(len, recording.steps)) > ENTITIES * MINUTES
    views = {name: first.table(name) for name in VIEWS}
    first.worker.stop()
    require_variety(views)

    with contextmanager(deployed)(kafka, f"{unique}-2", tmp_path / "again", sections) as other:
        second = Stage(other, other.worker("b", own).start().wait_ready())
        replay(second, recording)
        for name in VIEWS:
            assert second.table(name) == views[name], name
        second.worker.stop()
        for topic in WRITTEN:
            assert messages(other, topic) == messages(deployment, topic), topic


def require_variety(views: dict[str, dict[str, Any]]) -> None:
    """Goals were met and missed, plans helped and did not: the comparison says something."""
    goals = Counter(goal["status"] for goal in views["goals"].values())
    plans = Counter(plan["status"] for plan in views["plans"].values())
    measured = [
        effect
        for row in views["learning"].values()
        for metrics in row["effects"].values()
        for effect in metrics.values()
    ]
    print(f"goals {dict(goals)}, plans {dict(plans)}, {len(measured)} effects learned")
    assert min(goals["achieved"], goals["failed"], goals["cancelled"], plans["done"]) > 0
    assert min(effect["mean"] for effect in measured) < -20
    assert max(effect["mean"] for effect in measured) > -10


def messages(deployment: Deployment, logical: str) -> list[tuple[int | None, Any, Any]]:
    """Everything on a topic, in the order of its partitions."""
    found = deployment.kafka.consume_all(deployment.topic(logical))
    return [(message.partition(), message.key(), message.value()) for message in found]
