"""Outcomes of plans' actions that no handler finished."""

from __future__ import annotations

from streams.core.outcomes.build import unfinished
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
    return unfinished(action, KILL_SWITCH, message, now, OutcomeStatus.CANCELLED)


def lease_over(action: Action, now: int) -> Outcome:
    """The outcome of an action that had none when its lease ended; what it did is not known."""
    message = "no outcome came within the lease; check what it did before asking again"
    return unfinished(action, LEASE_EXPIRED, message, now, OutcomeStatus.TIMEOUT)
