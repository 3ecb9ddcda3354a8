"""What became of goals, and why they exist."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.goal_rules.setter import propose
from streams.core.goals.explanation import explain
from streams.core.goals.measurement import CloseReason, cancel, close
from streams.core.goals.report import ACHIEVEMENTS_KEPT, note_goal, report
from streams.core.goals.state import Goals
from streams.core.kernel.entity import Entity, decode_entity
from streams.records import CauseKind, Goal, GoalStatus, Plan, PlanStep, StepStatus, Strategy
from tests.kits.core.goals import ENTITY, HOUR, NOW, admitted, changed, keep, state
from tests.kits.core.situations import CONFIG, breach, ramp, situation


def plan(*steps: PlanStep) -> Plan:
    return Plan(
        entity_id=ENTITY,
        timestamp=NOW,
        plan_id="plan-1",
        goal_id="g-1",
        strategy=Strategy.IMMEDIATE,
        scheduled_time=NOW,
        actions=steps,
    )


def ended(goal: Goal, status: GoalStatus = GoalStatus.ACHIEVED) -> Goal:
    return close(goal, status, CloseReason.MET, NOW + HOUR)


@pytest.mark.spec("S1-096")
def test_one_of_four_is_a_quarter() -> None:
    entity = state()
    for number in range(4):
        note_goal(entity, admitted(goal_id=f"g-{number}"), [], is_new=True, was_open=False)
    keep(entity, admitted(goal_id="g-0"))
    assert report(entity).achievement_rate == 0.0
    note_goal(entity, ended(admitted(12.0, goal_id="g-0")), [], is_new=False, was_open=True)
    found = report(entity)
    assert (found.total_goals, found.achieved_goals, found.achievement_rate) == (4, 1, 0.25)
    assert (found.active_goals, found.closed_goals) == (1, 1)
    (last,) = found.recent_achievements
    assert last.achieved
    assert (last.final_value, last.target_value) == (12.0, 10.0)
    assert (last.achievement_time, last.time_to_achieve_ms) == (NOW + HOUR, HOUR)
    assert last.notes == "target met"


def test_without_goals_the_rate_is_nought() -> None:
    assert report(state()).achievement_rate == 0.0


def test_only_actions_that_were_carried_out_are_listed() -> None:
    entity = state()
    carried_out = plan(
        PlanStep(name="grow", status=StepStatus.DONE),
        PlanStep(name="tune", status=StepStatus.FAILED),
        PlanStep(name="watch", status=StepStatus.SKIPPED),
    )
    closed = ended(admitted(), GoalStatus.FAILED)
    note_goal(entity, closed, [carried_out], is_new=False, was_open=True)
    (last,) = entity.achievements
    assert (last.achieved, last.actions_taken) == (False, ("grow",))


def test_only_the_latest_are_kept_and_survive_storing() -> None:
    entity = state()
    for number in range(ACHIEVEMENTS_KEPT + 5):
        goal = admitted(goal_id=f"g-{number}")
        note_goal(entity, goal, [], is_new=True, was_open=False)
        note_goal(entity, cancel(goal, "", NOW), [], is_new=False, was_open=True)
    owner = Entity("svc")
    owner.put(entity)
    stored = decode_entity(owner.encode()).read(Goals)
    assert [each.goal_id for each in stored.achievements] == [f"g-{n}" for n in range(5, 15)]
    assert (stored.admitted, stored.closed, stored.achieved) == (15, 15, 0)


def test_a_closed_goal_that_comes_again_is_counted_once() -> None:
    entity = state()
    note_goal(entity, ended(admitted()), [], is_new=False, was_open=True)
    note_goal(entity, ended(admitted()), [], is_new=False, was_open=False)
    assert entity.closed == 1


# -- explanations ---------------------------------------------------------------------------------


@pytest.mark.spec("S1-194")
def test_a_goal_tells_inputs_rule_and_numbers() -> None:
    found = breach("cpu", ramp(72.0, 4.0), current=72.0)
    (goal,) = propose(situation(breaches={"cpu": found}), CONFIG)
    told = explain(goal)
    assert told.inputs[:2] == ("prediction p-1", "metric cpu")
    assert told.rule == "a forecast passes the limit of the metric's capacity"
    assert told.numbers["limit"] == 95.0
    assert told.numbers["target"] == 80.0
    assert told.numbers["deadline"] == goal.deadline
    for part in (told.wish, told.rule, *told.inputs, *told.numbers):
        assert part in told.text
    assert msgspec.json.decode(msgspec.json.encode(told))["goal_id"] == goal.goal_id


def test_a_request_is_told_as_one() -> None:
    told = explain(admitted(4.0, unit="jobs"))
    assert told.wish == "queue_length reach 10 jobs"
    assert told.rule == "asked for from outside"
    assert told.numbers == {"target": 10.0, "baseline": 4.0}
    assert explain(changed(admitted(), metadata={"ticket": "T-1"})).inputs[-1] == "ticket: T-1"


def test_scaling_is_told_as_what_it_is() -> None:
    goal = changed(admitted(), cause_kind=CauseKind.RULE, cause_id="scaling:load")
    assert explain(goal).rule == "the capacity follows the forecast of its demand"
