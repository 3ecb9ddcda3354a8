"""One way to pursue a goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.records import PlanStep


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate that the policy may choose: steps that are carried out in this order."""

    name: str
    """What decides about it is learned under this name: its action types, joined by ``+``."""
    steps: tuple[PlanStep, ...]
    effect: float | None = None
    """Declared change of the goal's metric, in its unit; None where nothing is declared."""
    cost: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict[str, float])
    reversible: bool = True
    unattended: bool = False
    """Whether all of its steps are on the allow list."""
