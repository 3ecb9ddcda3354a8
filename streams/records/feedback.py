"""A judgement about how an entity is doing, delivered at once."""

from __future__ import annotations

import msgspec

from streams.records.base import Record, Severity


class Observation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    category: str
    description: str
    evidence: str = ""


class Feedback(Record, frozen=True, kw_only=True):
    feedback_id: str
    provider_name: str
    summary: str
    observations: tuple[Observation, ...] = ()
    suggestions: tuple[str, ...] = ()
    severity: Severity = Severity.INFO
    call_index: int = 0
    scope: str = ""
    goal_id: str = ""
