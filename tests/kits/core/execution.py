"""Plans, and what answers the actions that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from streams.core.execution.machine import begin, is_settled, next_action, on_outcome
from streams.core.outcomes.build import HandlerResult, outcome_for
from streams.records import (
    Action,
    Goal,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    PlanStep,
    Strategy,
)

NOW = 1_700_000_000_000
LEASE = 300_000
DELAY = 1_000
GOAL = Goal(
    entity_id="checkout",
    timestamp=NOW,
    goal_id="g-1",
    target_metric="cpu_usage",
    target_value=70.0,
)


def step(name: str, *, undo: bool = False, **fields: Any) -> PlanStep:
    return PlanStep(name=name, undo=f"undo:{name}" if undo else "", **fields)


def plan(*steps: PlanStep, **fields: Any) -> Plan:
    """A scheduled plan; its id is p-1."""
    base: dict[str, Any] = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "correlation_id": "chain",
        "plan_id": "p-1",
        "goal_id": "g-1",
        "strategy": Strategy.IMMEDIATE,
        "scheduled_time": NOW,
        "actions": steps,
        "revision": 1,
    }
    return Plan(**(base | fields))


def ask(current: Plan, now: int, goal: Goal = GOAL) -> tuple[Plan, Action | None]:
    return next_action(current, goal, now, lease_ms=LEASE, action_delay_ms=DELAY)


def asked(current: Plan, now: int) -> tuple[Plan, Action]:
    """The same, where something must be asked for."""
    after, action = ask(current, now)
    assert action is not None
    return after, action


def outcome(
    action: Action, status: OutcomeStatus = OutcomeStatus.SUCCESS, **fields: Any
) -> Outcome:
    made = outcome_for(
        action,
        HandlerResult(status=status),
        start_time=NOW,
        end_time=NOW,
        duration_ms=0.0,
        agent_name="test",
        agent_type="worker",
        run_id="r-1",
    )
    return msgspec.structs.replace(made, **fields)


def failed(action: Action, message: str = "no quota") -> Outcome:
    return outcome(action, OutcomeStatus.FAILURE, error_type="QuotaError", error_message=message)


def run(
    current: Plan, answer: Callable[[Action], Outcome] = outcome, now: int = NOW
) -> tuple[Plan, list[Action]]:
    """Carry a plan out to its end; the actions that it asked for, in order."""
    current = begin(current, now)
    actions: list[Action] = []
    while not is_settled(current):
        current, action = asked(current, now)
        actions.append(action)
        now += 200
        current = on_outcome(current, answer(action), now)
        now += DELAY
    assert current.status in (PlanStatus.DONE, PlanStatus.FAILED, PlanStatus.CANCELLED)
    return current, actions


def fails(*names: str) -> Callable[[Action], Outcome]:
    """Answers: actions of these types fail, all others succeed."""
    return lambda action: failed(action) if action.action_type in names else outcome(action)


def statuses(current: Plan) -> list[str]:
    return [each.status.value for each in current.actions]
