"""The states of a resource or an entity, by the share of capacity that is used."""

from __future__ import annotations

from enum import StrEnum

from streams.records.base import Severity


class SystemState(StrEnum):
    """From idle to full; ``unknown`` when there is no data."""

    UNKNOWN = "unknown"
    OPTIMAL = "optimal"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"
    OVERLOADED = "overloaded"

    @property
    def severity(self) -> Severity:
        """info up to healthy, then caution, warning and critical."""
        return _SEVERITIES.get(self, Severity.INFO)

    @property
    def is_urgent(self) -> bool:
        """Whether somebody has to act at once."""
        return self in (SystemState.CRITICAL, SystemState.OVERLOADED)


_SEVERITIES = {
    SystemState.DEGRADED: Severity.CAUTION,
    SystemState.CRITICAL: Severity.WARNING,
    SystemState.OVERLOADED: Severity.CRITICAL,
}
