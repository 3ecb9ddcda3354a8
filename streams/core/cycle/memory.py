"""What is kept of a choice until its effect is known."""

from __future__ import annotations

import msgspec

from streams.records import Candidate


class ChoiceMade(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that a plan came of."""

    decision_id: str
    candidates: tuple[Candidate, ...]
    context: dict[str, float]
    declared: float | None = None
    """Effect on the goal's metric that the catalogue tells."""
    mode: str
    policy: str
