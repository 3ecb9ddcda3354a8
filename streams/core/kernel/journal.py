"""What the engine writes down of its own choices: decisions and alerts."""

from __future__ import annotations

from typing import Any

from streams.core.kernel.names import ALERTS, DECISIONS, ENGINE
from streams.core.kernel.turn import Turn
from streams.records import Alert, Decision, Goal, Severity


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
            entity_id=turn.entity.entity_id,
            entity_type=turn.entity.entity_type,
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


def alert(turn: Turn, rule: str, severity: Severity, summary: str, goal: Goal) -> None:
    """Tell operators something about a goal."""
    turn.emit(
        ALERTS,
        Alert(
            entity_id=turn.entity.entity_id,
            entity_type=turn.entity.entity_type,
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
