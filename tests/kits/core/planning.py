"""Goals, catalogues and plans to test planning with."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.core.planning.config import ActionSpec
from streams.core.planning.plan import PlanCandidate, make_plan
from streams.records import (
    Direction,
    Goal,
    GoalOrigin,
    Plan,
    PlanPolicy,
    PlanStatus,
    PlanStep,
    Strategy,
)

NOW = 1_700_006_400_000
"""2023-11-15 00:00 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ENTITY = "checkout"


def goal(**fields: Any) -> Goal:
    """A goal that the engine set: CPU at most 80, now 92."""
    base: dict[str, Any] = {
        "entity_id": ENTITY,
        "timestamp": NOW,
        "correlation_id": "chain",
        "goal_id": "g-1",
        "target_metric": "cpu",
        "target_value": 80.0,
        "direction": Direction.AT_MOST,
        "current_value": 92.0,
        "gap": -12.0,
        "origin": GoalOrigin.AUTONOMOUS,
        "revision": 1,
    }
    return Goal(**(base | fields))


def spec(*metrics: str, **fields: Any) -> ActionSpec:
    """An action that serves ``metrics``."""
    return ActionSpec(metrics=metrics, **fields)


def step(name: str = "scale_up") -> PlanStep:
    return PlanStep(name=name)


def proposal(*names: str, **fields: Any) -> PlanCandidate:
    chosen = names or ("scale_up",)
    return PlanCandidate(name="+".join(chosen), steps=tuple(map(step, chosen)), **fields)


def plan(plan_id: str = "p-1", of: Goal | None = None, **fields: Any) -> Plan:
    """A scheduled plan that is due now."""
    made = make_plan(
        of or goal(),
        fields.pop("proposal", proposal()),
        plan_id=plan_id,
        now=NOW,
        attempt=1,
        strategy=Strategy.IMMEDIATE,
        due=fields.pop("due", NOW),
        estimate_ms=2 * MINUTE,
        score=fields.pop("score", 100.0),
        policy=PlanPolicy.STOP,
        dry_run=fields.pop("dry_run", False),
    )
    return replaced(made, **fields)


def running(plan_id: str, of: Goal | None = None, **fields: Any) -> Plan:
    return plan(plan_id, of, status=PlanStatus.RUNNING, started_at=NOW, **fields)


def replaced(made: Plan, **fields: Any) -> Plan:
    return msgspec.structs.replace(made, **fields)
