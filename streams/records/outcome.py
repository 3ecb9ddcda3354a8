"""What an action really did: exactly one final record per action."""

from __future__ import annotations

from enum import StrEnum

from streams.records.base import Record, Severity


class OutcomeStatus(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self is not OutcomeStatus.PENDING

    @property
    def default_severity(self) -> Severity:
        """info for success and pending, warning for partial, timeout and cancelled, else error."""
        if self in (OutcomeStatus.SUCCESS, OutcomeStatus.PENDING):
            return Severity.INFO
        if self is OutcomeStatus.FAILURE:
            return Severity.ERROR
        return Severity.WARNING


class Outcome(Record, frozen=True, kw_only=True):
    """The OutcomeEvent. ``timestamp`` is its creation time."""

    event_id: str
    """Idempotency key, a UUID; the same for every attempt to publish the same outcome."""
    run_id: str
    agent_name: str
    agent_type: str
    action_type: str
    start_time: int
    end_time: int
    duration_ms: float
    """Run time of the handler, hooks excluded."""
    latency_ms: float
    """From requested to finished."""
    status: OutcomeStatus
    severity: Severity
    llm_latency_ms: float | None = None
    tokens_used: int | None = None
    output: str | None = None
    """JSON text."""
    error_message: str | None = None
    error_type: str | None = None
    stack_trace: str | None = None
    workflow_id: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    input_data: str | None = None
    """JSON text."""
    context_snapshot: str | None = None
    """JSON text."""
    retry_count: int = 0
    memory_used_mb: float | None = None
    cpu_time_ms: float | None = None
    cost_estimate: float | None = None
    quality_score: float | None = None
    confidence_score: float | None = None
    parent_event_id: str = ""
    action_id: str
    goal_id: str = ""
    plan_id: str = ""
    impact_claimed: dict[str, float] = {}
    """Metric to change, as the handler says."""
    impact_measured: dict[str, float] = {}
    """Metric to change, as measured afterwards."""
