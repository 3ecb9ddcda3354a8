"""Outcomes of plans' actions that no handler finished."""

from __future__ import annotations

from streams.core.outcomes.build import HandlerResult, outcome_for
from streams.core.outcomes.text import plain_text
from streams.records import Action, Outcome, OutcomeStatus

KILL_SWITCH = "KillSwitch"
LEASE_EXPIRED = "LeaseExpired"


def halted(action: Action, reason: str, now: int, *, resumed: bool = False) -> Outcome:
    """The outcome of an action that the kill switch kept from starting at ``now`` (ms).

    ``resumed`` says that an earlier worker may have begun it.
    """
    message = f"not started, since acts are halted: {reason}"
    if resumed:
        message += "; a worker that was lost may have begun it: check what it did"
    return _unfinished(action, OutcomeStatus.CANCELLED, KILL_SWITCH, message, now)


def lease_over(action: Action, now: int) -> Outcome:
    """The outcome of an action that had none when its lease ended; what it did is not known."""
    message = "no outcome came within the lease; check what it did before asking again"
    return _unfinished(action, OutcomeStatus.TIMEOUT, LEASE_EXPIRED, message, now)


def _unfinished(
    action: Action, status: OutcomeStatus, error_type: str, message: str, now: int
) -> Outcome:
    result = HandlerResult(status=status, error_type=error_type, error_message=plain_text(message))
    return outcome_for(
        action,
        result,
        start_time=now,
        end_time=now,
        duration_ms=0.0,
        agent_name="goalstream",
        agent_type="worker",
        run_id=action.plan_id or action.action_id,
    )
