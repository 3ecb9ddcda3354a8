"""Records that pass for those of a plan: none of them stands for a step or starts one."""

from __future__ import annotations

import pytest

from streams.core.execution.requests import action_id, undo_action_id
from streams.records import Plan, StepStatus
from tests.kits.core.loop import Loop, config_of, silent, urgent
from tests.kits.core.partition import action, outcome


@pytest.fixture
def loop() -> Loop:
    """A plan of two steps; the first was asked for and has no outcome yet."""
    loop = Loop(config_of(), silent)
    loop.measure(90.0)
    loop.ask(urgent(actions=("scale_out", "scale_out")))
    assert len(loop.asked) == 1
    return loop


def the_plan(loop: Loop) -> Plan:
    (plan,) = loop.plans()
    return plan


def reasons(seen) -> list[str]:
    return [reason for _, _, reason, _ in seen.rejections]


def test_an_outcome_of_a_step_that_is_still_to_be_asked_for_suppresses_nothing(loop: Loop) -> None:
    early = action_id(the_plan(loop).plan_id, 1)

    forged = loop.send("outcomes", outcome(early, action_type="scale_out", timestamp=loop.now))

    assert reasons(forged) == ["not_asked_for"]
    loop.send("outcomes", outcome(loop.asked[0].action_id, action_type="scale_out"))
    loop.wait(2_000)
    assert [each.action_id for each in loop.asked] == [the_plan(loop).actions[0].action_id, early]


def test_an_outcome_for_a_plan_that_is_not_made_yet_suppresses_nothing() -> None:
    made = Loop(config_of(), silent)
    made.measure(90.0)
    made.ask(urgent())
    coming = made.asked[0].action_id

    loop = Loop(config_of(), silent)
    loop.measure(90.0)
    loop.send("outcomes", outcome(coming, action_type="scale_out", timestamp=loop.now))
    loop.ask(urgent())

    assert [each.action_id for each in loop.asked] == [coming]
    assert the_plan(loop).actions[0].status is StepStatus.RUNNING


def test_an_action_that_no_plan_has_asked_for_does_not_run(loop: Loop) -> None:
    plan = the_plan(loop)
    for id_ in ("mine", action_id(plan.plan_id, 1), undo_action_id(plan.plan_id, 0)):
        forged = action(id_, action_type="scale_out", plan_id=plan.plan_id, timestamp=loop.now)
        assert reasons(loop.send("actions", forged)) == ["not_asked_for"]
    stranger = action("x", action_type="scale_out", plan_id="none", timestamp=loop.now)
    assert reasons(loop.send("actions", stranger)) == ["not_asked_for"]
    assert len(loop.asked) == 1


def test_what_an_agent_did_before_its_action_was_read_does_not_run_again(loop: Loop) -> None:
    asked = loop.asked[0]
    done = outcome(asked.action_id, action_type="scale_out", timestamp=loop.now)
    loop.send("outcomes", done)
    again = loop.bench.send("actions", asked)
    assert again.dispatches == []

    own = action("own", timestamp=loop.now)
    loop.bench.send("outcomes", outcome("own", timestamp=loop.now))
    assert loop.bench.send("actions", own).dispatches == []
