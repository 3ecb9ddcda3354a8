"""Outcomes and plans to learn from."""

from __future__ import annotations

from typing import Any

from streams.core.learning.record import observe_action
from streams.core.learning.state import LearningState
from streams.records import (
    Goal,
    GoalType,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    Strategy,
)

HOUR = 3_600_000
NOW = 500_000 * HOUR + 8 * HOUR
"""A full hour of event time."""
MIDNIGHT = NOW // (24 * HOUR) * 24 * HOUR


def outcome(status: OutcomeStatus = OutcomeStatus.SUCCESS, **fields: Any) -> Outcome:
    given: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "event_id": "o-1",
        "run_id": "r-1",
        "agent_name": "scaler",
        "agent_type": "executor",
        "action_type": "scale_up",
        "start_time": NOW,
        "end_time": NOW + 50,
        "duration_ms": 50.0,
        "latency_ms": 60.0,
        "status": status,
        "severity": status.default_severity,
        "action_id": "a-1",
    }
    return Outcome(**given | fields)


def failure(**fields: Any) -> Outcome:
    return outcome(OutcomeStatus.FAILURE, **fields)


def acted(state: LearningState, wins: int, failures: int, **fields: Any) -> None:
    """So many successes, then so many failures."""
    for _ in range(wins):
        observe_action(state, outcome(**fields), NOW)
    for _ in range(failures):
        observe_action(state, failure(**fields), NOW)


def goal(goal_type: GoalType = GoalType.PERFORMANCE_TARGET, **fields: Any) -> Goal:
    given: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "goal_id": "g-1",
        "goal_type": goal_type,
        "target_metric": "cpu",
        "target_value": 80.0,
    }
    return Goal(**given | fields)


def plan(
    strategy: Strategy = Strategy.IMMEDIATE, status: PlanStatus = PlanStatus.DONE, **fields: Any
) -> Plan:
    given: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "plan_id": "p-1",
        "goal_id": "g-1",
        "scheduled_time": NOW,
        "started_at": NOW,
        "ended_at": NOW + 2_000,
    }
    return Plan(**given | fields, strategy=strategy, status=status)
