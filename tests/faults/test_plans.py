"""A plan whose worker dies in its middle: the successor goes on with what was stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.records import Action, Goal, Outcome, OutcomeStatus
from tests.kits.kafka import plan_handlers
from tests.kits.kafka.deployment import Deployment, Sections, until
from tests.kits.kafka.scene import METRIC, Scene, autonomy_sections

pytestmark = pytest.mark.timeout(300)

NO_TICKS: Sections = {"worker": {"tick_seconds": 3600}}
SAME = ("goal_id", "target_value", "baseline", "created_at", "deadline", "correlation_id")
"""What nothing that happens to a plan changes of its goal."""


@pytest.fixture
def handled(tmp_path: Path) -> Path:
    """Where the handlers say that they ran."""
    return tmp_path / "handled"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """While this file is missing, the second step of a plan does not end."""
    return tmp_path / "gate"


@pytest.fixture
def sections(handled: Path, gate: Path) -> dict[str, dict[str, object]]:
    sections = autonomy_sections(handled)
    sections["actions.shed.params"] = {"file": str(handled), "gate": str(gate)}
    return sections


@pytest.mark.spec("S1-125")
def test_a_plan_goes_on_with_the_step_at_which_it_was_left(
    deployment: Deployment, handled: Path, gate: Path
) -> None:
    """The first step has ended; only the successor lets time pass until the next one is due."""
    gate.touch()
    scene = Scene(deployment, deployment.worker("a", NO_TICKS).start().wait_ready())
    scene.ramp()
    scene.climb()
    until(lambda: steps(scene) == ["done", "pending"], "first step done")
    scene.settle()
    deployment.wait_committed()
    plan, goal, series = scene.plans()[0], scene.goal(), known_of_series(scene)

    succeed(scene)
    after = scene.await_plan("done")
    assert after["plan_id"] == plan["plan_id"]
    assert after["actions"][0] == plan["actions"][0]
    assert scene.goal() == goal
    assert known_of_series(scene) == series
    assert plan_handlers.ran(handled) == ["drain", "shed"]

    finish(scene)
    assert [each.status for each in scene.records("outcomes", Outcome)] == [
        OutcomeStatus.SUCCESS,
        OutcomeStatus.SUCCESS,
    ]
    require_one_run_each(scene, handled)


@pytest.mark.spec("S1-125")
def test_a_step_that_was_running_does_not_run_again(
    deployment: Deployment, handled: Path, gate: Path
) -> None:
    """Nobody knows what it did, so it counts as failed, and the goal gets another plan."""
    scene = Scene(deployment, deployment.worker("a").start().wait_ready())
    scene.ramp()
    scene.climb()
    until(lambda: plan_handlers.ran(handled) == ["drain", "shed"], "second step running")
    assert steps(scene) == ["done", "running"]
    deployment.wait_committed("metrics", "goals")
    goal, series = scene.goal(), known_of_series(scene)

    succeed(scene)
    plan = scene.await_plan("failed")
    assert [step["status"] for step in plan["actions"]] == ["done", "failed"]
    assert plan["actions"][1]["error"].startswith("Interrupted")
    assert plan_handlers.ran(handled) == ["drain", "shed"]
    assert known_of_series(scene) == series
    assert {name: scene.goal()[name] for name in SAME} == {name: goal[name] for name in SAME}

    gate.touch()
    scene.await_plan("scheduled", attempt=2)
    scene.climb()
    scene.await_plan("done", attempt=2)
    # Other actions, but the same effects: a handler can tell that it did them before.
    first, second = plan_handlers.effects(handled)[:2], plan_handlers.effects(handled)[2:]
    assert first == second
    finish(scene)
    ended = [each.error_type for each in scene.records("outcomes", Outcome)]
    assert ended == [None, "Interrupted", None, None]
    require_one_run_each(scene, handled)


def steps(scene: Scene) -> list[str]:
    """States of the steps of the only plan."""
    [plan] = scene.plans()
    return [step["status"] for step in plan["actions"]]


def known_of_series(scene: Scene) -> dict[str, Any]:
    """Latest values, baseline, next analysis, and what the model holds."""
    return {table: scene.row(table, METRIC) for table in ("metric_state", "models", "forecasts")}


def succeed(scene: Scene) -> None:
    """The worker is killed; another one, which knows nothing yet, takes its place."""
    scene.worker.kill()
    scene.take_over(scene.deployment.worker("b").start().wait_ready())


def finish(scene: Scene) -> None:
    """The plan has helped: what was begun under one worker is measured by the other."""
    scene.measure(*[45.0] * 20)
    goal = scene.goal()
    assert (goal["status"], goal["progress"]) == ("achieved", 1.0)
    assert scene.row("learning")["effects"]["drain+shed"][METRIC]["samples"] == 1
    scene.worker.stop()
    assert {goal.baseline for goal in scene.records("goals", Goal)} == {goal["baseline"]}


def require_one_run_each(scene: Scene, handled: Path) -> None:
    """Every action was asked for once, ran once, and ended once."""
    asked = [each.action_id for each in scene.records("actions", Action)]
    assert len(set(asked)) == len(asked) == len(plan_handlers.ran(handled))
    ended = {each.event_id: each.action_id for each in scene.records("outcomes", Outcome)}
    assert sorted(ended.values()) == sorted(asked)
