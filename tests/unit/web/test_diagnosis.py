"""What the diagnosis names when nothing happens."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import pytest

from streams.core.learning.insights import EffectLearned, Rate
from streams.core.safety.modes import Controls, Mode
from streams.records import PlanStatus, PlanStep, StepStatus
from tests.kits.web.agent import API, AgentSource, operator

SCALE_OUT = PlanStep("scale_out")


@pytest.fixture
def source() -> AgentSource:
    """A worker with which nothing is wrong."""
    made = AgentSource(controls=Controls(mode=Mode.ACT))
    now = time.time_ns() // 1_000_000
    made.put("metric_state", "shop/cpu", {"timestamp": now})
    made.put("predictions", "shop/cpu", {"probability": 0.9})
    made.add_counters(last_analysis=now)
    made.facts = dataclasses.replace(
        made.facts, handlers=frozenset({"scale_out"}), actions=frozenset({"scale_out"})
    )
    made.add_insights(
        success_rate=Rate(1.0, 9),
        action_success_rates={"scale_out": Rate(1.0, 9)},
        impact={"cpu": EffectLearned(-5.0, -5.0, 0.0, 3)},
    )
    return made


async def diagnose(source: AgentSource, **params: str) -> dict[str, Mapping[str, Any]]:
    """Checks by name; the answer agrees with itself."""
    response = await operator(source).get(f"{API}/diagnosis", params=params)
    assert response.status_code == 200
    body = response.json()
    checks = {check["check"]: check for check in body["checks"]}
    failing = [name for name, check in checks.items() if not check["ok"]]
    assert body["failing"] == failing
    assert body["ok"] is not bool(failing)
    assert all(check["ok"] is (check["remedy"] == "") for check in checks.values())
    return checks


def failing(checks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, check in checks.items() if not check["ok"]]


async def test_all_is_well(source: AgentSource) -> None:
    assert failing(await diagnose(source)) == []


@pytest.mark.spec("S1-174")
async def test_every_reason_for_no_goals_is_named(source: AgentSource) -> None:
    source.rows.clear()
    source.controls = Controls(autonomous=False, running=False)
    source.apply()
    source.facts = dataclasses.replace(source.facts, auto_goal_setting=False, limits={})

    checks = await diagnose(source)

    of_goals = [name for name in failing(checks) if checks[name]["area"] == "goals"]
    assert of_goals == [
        "metrics_arriving",
        "auto_goal_setting",
        "autonomous_mode",
        "agent_running",
        "analysis",
        "limits",
        "thresholds",
    ]


@pytest.mark.spec("S1-174")
@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("metrics_arriving", {"rows": "metric_state"}),
        ("auto_goal_setting", {"facts": {"auto_goal_setting": False}}),
        ("analysis", {"rows": "autonomy"}),
        ("thresholds", {"rows": "predictions"}),
        ("limits", {"facts": {"limits": {}}}),
    ],
)
async def test_one_reason_is_named_alone(
    source: AgentSource, check: str, change: Mapping[str, Any]
) -> None:
    source.rows.pop(change.get("rows", ""), None)
    source.facts = dataclasses.replace(source.facts, **change.get("facts", {}))

    assert failing(await diagnose(source)) == [check]


async def test_a_metric_that_stopped_is_old(source: AgentSource) -> None:
    source.put("metric_state", "shop/cpu", {"timestamp": 1_700_000_000_000})

    checks = await diagnose(source)

    assert failing(checks) == ["metrics_arriving"]
    assert "s old" in checks["metrics_arriving"]["detail"]


async def test_how_far_a_breach_is_from_a_goal(source: AgentSource) -> None:
    source.put("predictions", "shop/cpu", {"probability": 0.2})

    check = (await diagnose(source))["thresholds"]

    assert (check["need"], check["have"]) == (0.5, 0.2)


@pytest.mark.spec("S1-175")
async def test_an_action_without_a_handler_is_named(source: AgentSource) -> None:
    source.facts = dataclasses.replace(source.facts, handlers=frozenset(), actions=frozenset())
    remote = PlanStep("drain", agent="elsewhere")
    source.add_plan("p1", actions=(SCALE_OUT, remote), status=PlanStatus.DONE)
    source.add_goal("g1", actions=("purge",))

    check = (await diagnose(source))["handlers"]

    assert (check["area"], check["ok"]) == ("execution", False)
    assert check["detail"] == "no handler on this worker for purge, scale_out"


async def test_actions_of_the_catalogue_need_handlers_too(source: AgentSource) -> None:
    source.facts = dataclasses.replace(source.facts, handlers=frozenset())

    assert failing(await diagnose(source)) == ["handlers"]


@pytest.mark.spec("S1-175")
async def test_every_reason_for_no_execution_is_named(source: AgentSource) -> None:
    source.controls = Controls(mode=Mode.OBSERVE)
    source.apply()
    source.halt("smoke")
    step = PlanStep("scale_out", status=StepStatus.FAILED, error="quota is used up")
    source.add_plan("p1", actions=(step,), status=PlanStatus.FAILED)
    source.add_plan("p2", status=PlanStatus.WAITING, reason="waits for approval")

    checks = await diagnose(source)

    assert failing(checks) == ["kill_switch", "mode", "waiting_plans", "errors"]
    assert "smoke" in checks["kill_switch"]["detail"]
    assert "waits for approval" in checks["waiting_plans"]["detail"]
    assert "scale_out: quota is used up" in checks["errors"]["detail"]


@pytest.mark.spec("S1-176")
async def test_too_few_samples_are_told_with_need_and_have(source: AgentSource) -> None:
    source.add_insights(success_rate=Rate(1.0, 3), action_success_rates={"scale_out": Rate(1.0, 3)})

    checks = await diagnose(source)

    assert failing(checks) == ["outcomes", "samples:scale_out", "impact_metrics"]
    of_action = checks["samples:scale_out"]
    assert (of_action["need"], of_action["have"]) == (5, 3)
    assert of_action["detail"] == "scale_out: need 5 outcomes, have 3"


@pytest.mark.spec("S1-176")
async def test_learning_that_is_off_is_named(source: AgentSource) -> None:
    source.facts = dataclasses.replace(source.facts, learning=False)

    assert failing(await diagnose(source)) == ["enable_learning"]


async def test_one_entity_is_looked_at_alone(source: AgentSource) -> None:
    checks = await diagnose(source, entity_id="till")

    assert "metrics_arriving" in failing(checks)
    assert checks["outcomes"]["have"] == 0


async def test_long_lists_are_cut(source: AgentSource) -> None:
    source.add_goal("g1", actions=tuple(f"a{number}" for number in range(9)))

    detail = (await diagnose(source))["handlers"]["detail"]

    assert detail.endswith("a0, a1, a2, a3, a4 and 4 more")
