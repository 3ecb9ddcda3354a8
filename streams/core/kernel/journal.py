"""What the engine writes down of its own choices: decisions, plans, alerts."""

from __future__ import annotations

from typing import Any

from streams.core.kernel.names import ALERTS, DECISIONS, ENGINE, PLANS
from streams.core.kernel.turn import Turn
from streams.records import Alert, Decision, Goal, Plan, Severity


def decide(
    turn: Turn,
    kind: str,
    subject_id: str,
    *,
    correlation_id: str = "",
    actor: str = ENGINE,
    **fields: Any,
) -> str:
    """Publish a decision about ``subject_id``, of the record's chain unless another is given;
    returns its id."""
    decision_id = turn.new_id("decision")
    turn.emit(
        DECISIONS,
        Decision(
            entity_id=turn.state.entity_id,
            entity_type=turn.state.entity_type,
            timestamp=turn.now,
            correlation_id=correlation_id or turn.correlation_id,
            decision_id=decision_id,
            kind=kind,
            subject_id=subject_id,
            inputs=turn.inputs,
            actor=actor,
            **fields,
        ),
    )
    return decision_id


def store_plan(turn: Turn, plan: Plan) -> None:
    """Keep a plan's new revision and publish it."""
    turn.state.plans[plan.plan_id] = plan
    turn.touched = True
    turn.emit(PLANS, plan)


def hold(turn: Turn, goal: Goal, reason: str) -> None:
    """Nothing is planned for the goal: publish why, once as long as the kind of reason stays."""
    kind = reason.partition(";")[0]
    if turn.state.held.get(goal.goal_id) == kind:
        return
    turn.state.held[goal.goal_id] = kind
    turn.touched = True
    decide(
        turn,
        "refusal",
        goal.goal_id,
        correlation_id=goal.correlation_id,
        chosen="no_plan",
        reason=reason,
    )


def let_go(turn: Turn, goal_id: str) -> None:
    """The goal is planned for, or closed."""
    if turn.state.held.pop(goal_id, None) is not None:
        turn.touched = True


def alert(turn: Turn, rule: str, severity: Severity, summary: str, goal: Goal) -> None:
    """Tell operators something about a goal."""
    turn.emit(
        ALERTS,
        Alert(
            entity_id=turn.state.entity_id,
            entity_type=turn.state.entity_type,
            timestamp=turn.now,
            correlation_id=goal.correlation_id or turn.correlation_id,
            alert_id=turn.new_id("alert"),
            rule=rule,
            severity=severity,
            summary=summary,
            metric=goal.target_metric,
            value=goal.current_value,
            threshold=goal.target_value,
            goal_id=goal.goal_id,
        ),
    )
