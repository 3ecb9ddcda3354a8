"""Something an operator should know now."""

from __future__ import annotations

from streams.records.base import Record, Severity


class Alert(Record, frozen=True, kw_only=True):
    alert_id: str
    rule: str
    severity: Severity
    summary: str
    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    samples: int | None = None
    goal_id: str = ""
    metadata: dict[str, str] = {}
