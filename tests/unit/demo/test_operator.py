"""When the operator acts, and with which parameters."""

from __future__ import annotations

import pytest

from streams.demo.ledger import Ledger
from streams.demo.operator import REST_MS, SETTLE_MS, Operator
from streams.demo.plant import SCALE_IN, SCALE_OUT, Plant
from streams.demo.scenario import RESOURCES
from streams.records import (
    Action,
    Direction,
    Goal,
    GoalStatus,
    Outcome,
    OutcomeStatus,
    Severity,
    Suggestion,
)

WEB = next(resource for resource in RESOURCES if resource.entity_id == "web")
START = 1_000_000_000


def goal(revision: int = 1, status: GoalStatus = GoalStatus.ACTIVE) -> Goal:
    return Goal(
        entity_id="web",
        timestamp=START,
        goal_id="g",
        correlation_id="c",
        target_metric=WEB.metric,
        target_value=50.0,
        direction=Direction.AT_MOST,
        status=status,
        revision=revision,
    )


def suggestion(value: float) -> Suggestion:
    return Suggestion(
        entity_id="web", timestamp=START, suggestion_id="s", values={WEB.metric: value}
    )


def outcome(action: Action) -> Outcome:
    return Outcome(
        entity_id="web",
        timestamp=START,
        event_id=f"outcome of {action.action_id}",
        run_id="r",
        agent_name="a",
        agent_type="worker",
        action_type=action.action_type,
        start_time=START,
        end_time=START,
        duration_ms=0.0,
        latency_ms=0.0,
        status=OutcomeStatus.SUCCESS,
        severity=Severity.INFO,
        action_id=action.action_id,
    )


class Scene:
    def __init__(self, current: float) -> None:
        self.ledger, self.plant = Ledger(), Plant([WEB])
        self.operator = Operator([WEB], self.ledger, self.plant)
        self.plant.measure(WEB, current)

    def see(self, *records: Goal | Suggestion | Outcome) -> None:
        self.ledger.take(("any", record) for record in records)


def test_nothing_is_done_without_a_goal() -> None:
    scene = Scene(current=90.0)
    scene.see(suggestion(70.0))
    assert scene.operator.decide(START) == []


def test_an_unmet_goal_is_answered_with_the_suggested_value() -> None:
    scene = Scene(current=60.0)
    scene.see(goal(), suggestion(55.0))
    (action,) = scene.operator.decide(START)
    assert action.action_type == SCALE_OUT
    assert action.params == {"resource": "web", "metric": WEB.metric, "aim": "55"}
    assert (action.goal_id, action.correlation_id, action.timestamp) == ("g", "c", START)


@pytest.mark.parametrize("stale", [45.0, 60.0, 99.0])
def test_a_stale_suggestion_is_bounded_by_the_goal(stale: float) -> None:
    scene = Scene(current=60.0)
    scene.see(goal(), suggestion(stale))
    (action,) = scene.operator.decide(START)
    assert action.params["aim"] == "50"


def test_a_met_goal_needs_no_action() -> None:
    scene = Scene(current=49.0)
    scene.see(goal(), suggestion(49.0))
    assert scene.operator.decide(START) == []


def test_the_next_action_waits_for_the_outcome_and_its_effect() -> None:
    scene = Scene(current=60.0)
    scene.see(goal(), suggestion(55.0))
    (first,) = scene.operator.decide(START)
    assert scene.operator.decide(START + 10 * SETTLE_MS) == []
    scene.see(outcome(first))
    seen = START + 20 * SETTLE_MS
    assert scene.operator.decide(seen) == []
    assert scene.operator.decide(seen + SETTLE_MS - 1) == []
    (second,) = scene.operator.decide(seen + SETTLE_MS)
    assert second.action_id != first.action_id


async def test_a_unit_is_given_back_after_a_rest_without_goals() -> None:
    scene = Scene(current=60.0)
    handler = scene.plant.handlers().find(SCALE_OUT)
    assert handler is not None
    await handler.run({"resource": "web", "aim": "50"}, "")
    scene.plant.measure(WEB, 10.0)
    scene.see(goal())
    assert scene.operator.decide(START) == []
    scene.see(goal(2, GoalStatus.ACHIEVED))
    assert scene.operator.decide(START + REST_MS) == []
    (action,) = scene.operator.decide(START + 2 * REST_MS)
    assert (action.action_type, action.goal_id) == (SCALE_IN, "")
