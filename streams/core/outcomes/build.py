"""The one final outcome of an action."""

from __future__ import annotations

from streams.core.kernel.ids import stable_id
from streams.core.kernel.names import ENGINE
from streams.core.metric.text import plain_text
from streams.core.outcomes.result import HandlerResult, failure, interpret, timed_out
from streams.records import Action, Outcome, OutcomeStatus, Severity

__all__ = [
    "HandlerResult",
    "expired",
    "failure",
    "interpret",
    "interrupted",
    "no_handler",
    "outcome_for",
    "outcome_id",
    "timed_out",
    "unfinished",
]


def outcome_id(entity_id: str, action_id: str) -> str:
    """Id of the final outcome of an action: one per action, however often it is published."""
    return stable_id("outcome", entity_id, action_id)


def outcome_for(  # noqa: PLR0913 - all but the first two by keyword
    action: Action,
    result: HandlerResult,
    *,
    start_time: int,
    end_time: int,
    duration_ms: float,
    agent_name: str,
    agent_type: str,
    run_id: str,
    severity: Severity | None = None,
) -> Outcome:
    """The outcome of ``action``, created at ``end_time``.

    Times are ms since the epoch. The latency counts from the moment the action was requested and
    is never below the duration, also when clocks disagree. ``severity`` follows from the status
    unless given.
    """
    end_time = max(start_time, end_time)
    requested = action.timestamp if action.requested_at is None else action.requested_at
    return Outcome(
        entity_id=action.entity_id,
        entity_type=action.entity_type,
        timestamp=end_time,
        correlation_id=action.correlation_id,
        event_id=outcome_id(action.entity_id, action.action_id),
        run_id=run_id,
        agent_name=agent_name,
        agent_type=agent_type,
        action_type=action.action_type,
        start_time=start_time,
        end_time=end_time,
        duration_ms=duration_ms,
        latency_ms=max(duration_ms, float(end_time - requested)),
        status=result.status,
        severity=result.status.default_severity if severity is None else severity,
        llm_latency_ms=result.llm_latency_ms,
        tokens_used=result.tokens_used,
        output=result.output,
        error_message=result.error_message,
        error_type=result.error_type,
        stack_trace=result.stack_trace,
        metadata=dict(result.metadata),
        cost_estimate=result.cost_estimate,
        quality_score=result.quality_score,
        confidence_score=result.confidence_score,
        parent_event_id=(
            outcome_id(action.entity_id, action.parent_action_id) if action.parent_action_id else ""
        ),
        action_id=action.action_id,
        goal_id=action.goal_id,
        plan_id=action.plan_id,
        impact_claimed=dict(result.impact),
    )


def no_handler(action: Action, now: int) -> Outcome:
    """The outcome of an action whose type nobody handles."""
    message = (
        f"no handler is registered for action_type {action.action_type!r}; "
        "register one, or correct the type"
    )
    return unfinished(action, "NoHandler", message, now)


def expired(action: Action, now: int) -> Outcome:
    """The outcome of an action whose deadline passed before its handler could start."""
    message = f"deadline {action.deadline} passed before it could start; ask again with a later one"
    return unfinished(action, "DeadlinePassed", message, now, OutcomeStatus.CANCELLED)


def interrupted(action: Action, now: int) -> Outcome:
    """The outcome of an action that ran when its worker was lost; what it did is not known."""
    message = (
        "the worker was lost while the handler ran; check what it did before asking again, "
        "or mark the handler idempotent"
    )
    return unfinished(action, "Interrupted", message, now)


def unfinished(
    action: Action,
    error_type: str,
    message: str,
    now: int,
    status: OutcomeStatus = OutcomeStatus.FAILURE,
) -> Outcome:
    """The outcome of an action that no handler finished, created at ``now`` (ms)."""
    result = HandlerResult(status=status, error_type=error_type, error_message=plain_text(message))
    return outcome_for(
        action,
        result,
        start_time=now,
        end_time=now,
        duration_ms=0.0,
        agent_name=ENGINE,
        agent_type="worker",
        run_id=action.plan_id or action.action_id,
    )
