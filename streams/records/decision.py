"""Why the engine did what it did: one record per choice."""

from __future__ import annotations

import msgspec

from streams.records.base import Record


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One option that was weighed."""

    name: str
    score: float
    propensity: float
    """Probability with which the policy chose it, 0..1."""


class Decision(Record, frozen=True, kw_only=True):
    decision_id: str
    kind: str
    """suggestion, goal, plan, action, refusal, …"""
    subject_id: str
    """Id of the record that came of it."""
    inputs: dict[str, int] = {}
    """Source topic to the offset that the decision saw last."""
    model_version: str = ""
    candidates: tuple[Candidate, ...] = ()
    chosen: str = ""
    reason: str = ""
    expected_metric: str = ""
    expected_effect: float | None = None
    expected_lower: float | None = None
    expected_upper: float | None = None
    measured_effect: float | None = None
    actor: str = ""
    mode: str = ""
    """Autonomy under which it was made: observe, recommend, approve or act."""
    context: dict[str, str] = {}
    """What the policy looked at, by name."""
    reward: float | None = None
    """-1..1, how much of what the goal asked for was brought about; None until it was measured."""
