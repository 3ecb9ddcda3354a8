"""What every record shares: the entity it belongs to, when it happened, and its schema version."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records. Frozen; keyed by ``entity_id`` on every topic.

    Times are integers, milliseconds since the epoch in UTC. Durations end in ``_ms``.
    Text that is absent is the empty string; numbers that are absent are ``None``.
    """

    entity_id: str
    """The thing that is steered or watched. Never empty."""
    entity_type: str = "service"
    """Kind of entity: service, resource, agent, workflow, loop."""
    timestamp: int
    """Event time, ms since the epoch, UTC."""
    schema_version: int = 1
    correlation_id: str = ""
    """Shared by every record of one chain: cause, goal, plan, action, outcome."""


class Severity(StrEnum):
    """One order for alerts, feedback and outcomes: info < caution < warning < error < critical."""

    INFO = "info"
    CAUTION = "caution"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (info) to 4 (critical)."""
        return _SEVERITY_ORDER.index(self)


_SEVERITY_ORDER = tuple(Severity)


class Priority(StrEnum):
    """Goal priority; ``rank`` 0 is the most urgent."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 (critical) to 3 (low)."""
        return _PRIORITY_ORDER.index(self)


_PRIORITY_ORDER = tuple(Priority)
