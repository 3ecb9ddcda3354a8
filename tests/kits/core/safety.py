"""Requests, plans and goals to test the safety rules with."""

from __future__ import annotations

from typing import Any

from streams.core.planning.plan import PlanCandidate
from streams.core.safety.config import Mode, SafetyConfig
from streams.core.safety.gate import GateResult, StartRequest, judge
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState
from streams.records import Goal, GoalOrigin, GoalType, Plan, PlanStep, Strategy

NOW = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
CONFIG = SafetyConfig()
CONTROLS = Controls()


def goal(**fields: Any) -> Goal:
    base: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "goal_id": "g-1",
        "goal_type": GoalType.BOTTLENECK_PREVENTION,
        "target_metric": "cpu",
        "target_value": 80.0,
        "origin": GoalOrigin.AUTONOMOUS,
    }
    return Goal(**(base | fields))


def proposal(**fields: Any) -> PlanCandidate:
    """On the allow list and reversible."""
    base: dict[str, Any] = {
        "name": "add_units",
        "steps": (PlanStep(name="add_units"),),
        "unattended": True,
    }
    return PlanCandidate(**(base | fields))


def request(**fields: Any) -> StartRequest:
    """One that the gate lets through."""
    base: dict[str, Any] = {
        "goal": goal(),
        "proposal": proposal(),
        "mode": Mode.ACT,
        "coverage": 0.95,
        "promised": 0.95,
        "expected_change": -10.0,
        "scale": 100.0,
    }
    return StartRequest(**(base | fields))


def verdict(
    state: SafetyState | None = None,
    controls: Controls = CONTROLS,
    config: SafetyConfig = CONFIG,
    now: int = NOW,
    **fields: Any,
) -> GateResult:
    return judge(request(**fields), state or SafetyState(), controls, config, now)


def plan(**fields: Any) -> Plan:
    base: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "plan_id": "p-1",
        "goal_id": "g-1",
        "strategy": Strategy.IMMEDIATE,
        "scheduled_time": NOW,
        "actions": (PlanStep(name="add_units"), PlanStep(name="watch")),
        "revision": 1,
    }
    return Plan(**(base | fields))
