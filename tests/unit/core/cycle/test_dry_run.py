"""A plan that is only shown."""

from __future__ import annotations

import pytest

from streams.core.safety.config import Mode, SafetyConfig
from streams.records import GoalStatus, PlanStatus
from tests.kits.core.loop import HOUR, Loop, config_of, urgent


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.APPROVE])
def test_it_has_everything_but_an_effect(mode: Mode) -> None:
    loop = Loop(config_of(safety=SafetyConfig(mode=mode)))
    loop.measure(90.0)
    loop.ask(urgent())
    [waiting] = loop.plans()
    seen = loop.command("goal.execute", "g-1", arguments={"dry_run": "true"})
    [shown] = seen.records("plans")
    assert shown.plan_id != waiting.plan_id
    assert (shown.dry_run, shown.status) == (True, PlanStatus.CANCELLED)
    assert shown.reason.startswith("dry run: nothing is asked for")
    assert [step.name for step in shown.actions] == ["scale_out"]
    assert shown.expected_effect == -20.0
    loop.advance(loop.now + 3 * HOUR)
    assert loop.asked == []
    assert loop.goal().status is GoalStatus.ACTIVE


def test_what_may_not_be_done_is_shown_with_the_reason() -> None:
    loop = Loop(config_of())
    loop.measure(90.0)
    loop.command("agent.stop")
    loop.ask(urgent())
    seen = loop.command("goal.execute", "g-1", arguments={"dry_run": "true"})
    assert seen.records("plans") == []
    assert seen.records("actions") == []
