"""What a new plan holds."""

from __future__ import annotations

import pytest

from streams.core.planning.catalog import candidates
from streams.core.planning.plan import RESOURCES, PlanCandidate, make_plan
from streams.errors import InvalidRecord
from streams.records import (
    GoalOrigin,
    GoalType,
    Plan,
    PlanPolicy,
    PlanStatus,
    Strategy,
)
from tests.kits.core.planning import MINUTE, NOW, goal, plan, spec


@pytest.mark.spec("S1-101")
def test_a_plan_holds_goal_strategy_time_duration_needs_and_steps() -> None:
    capacity = goal(
        goal_type=GoalType.CAPACITY_PLANNING,
        dependencies=("g-0",),
        metadata={RESOURCES: '{"cpu": 20}'},
        actions=("buy", "install"),
        origin=GoalOrigin.USER,
    )
    [only] = candidates(capacity, {"buy": spec("cpu", effect={"cpu": -15.0}, reversible=False)})
    made = make_plan(
        capacity,
        only,
        plan_id="p-7",
        now=NOW,
        attempt=2,
        strategy=Strategy.SCHEDULED,
        due=NOW + 5 * MINUTE,
        estimate_ms=8 * MINUTE,
        score=60.0,
        policy=PlanPolicy.CONTINUE,
    )
    about = {
        "entity_id": "checkout",
        "goal_id": "g-1",
        "goal_type": "capacity_planning",
        "target_metric": "cpu",
        "target_value": "80.0",
    }
    assert made == Plan(
        entity_id="checkout",
        timestamp=NOW,
        correlation_id="chain",
        plan_id="p-7",
        goal_id="g-1",
        strategy=Strategy.SCHEDULED,
        scheduled_time=NOW + 5 * MINUTE,
        estimated_duration_ms=8 * MINUTE,
        resource_requirements={"cpu": 20.0},
        dependencies=("g-0",),
        actions=only.steps,
        priority_score=60.0,
        status=PlanStatus.SCHEDULED,
        attempt=2,
        policy=PlanPolicy.CONTINUE,
        revision=1,
        proposal="buy+install",
        reversible=False,
        expected_metric="cpu",
        expected_effect=-15.0,
    )
    assert [(each.name, each.params) for each in made.actions] == [
        ("buy", about),
        ("install", about),
    ]


def test_a_plan_needs_the_larger_of_what_goal_and_steps_ask_for() -> None:
    needy = goal(metadata={RESOURCES: '{"cpu": 20, "disk": 1}'})
    one = PlanCandidate(name="a", steps=(), resources={"disk": 5.0, "net": 2.0})
    assert plan(of=needy, proposal=one).resource_requirements == {
        "cpu": 20.0,
        "disk": 5.0,
        "net": 2.0,
    }


@pytest.mark.parametrize("text", ["lots", "[1]", '{"cpu": "a"}', '{"cpu": -1}', '{"cpu": null}'])
def test_needs_that_cannot_be_read_are_an_error_and_not_dropped(text: str) -> None:
    with pytest.raises(InvalidRecord, match=RESOURCES):
        plan(of=goal(metadata={RESOURCES: text}))


def test_a_dry_run_says_so() -> None:
    assert plan(dry_run=True).dry_run
    assert not plan().dry_run
