"""What safety remembers of one entity; bounded, stored with the entity."""

from __future__ import annotations

import msgspec

from streams.core.kernel.slices import Slice
from streams.core.safety.modes import Controls


class StartedPlan(msgspec.Struct, array_like=True, frozen=True):
    """A plan that began."""

    at: int
    """Event time, ms."""
    target: str
    """Metric of its goal."""
    change: float
    """Expected change as a share of the target's scale, 0 or more; 0 when none is known."""
    plan_id: str


class SafetyState(Slice, kw_only=True):
    """Mutable; changed by ``note_start``, ``note_verification`` and commands alone."""

    slice_name = "safety"

    controls: Controls = Controls()
    """What operators set for this entity; for everybody in the state of the entity ``*``."""

    acts: list[StartedPlan] = []
    """Those of the budget's window, oldest first."""
    last_starts: dict[str, int] = msgspec.field(default_factory=dict[str, int], name="last_acts")
    """Target metric to the beginning of the latest plan for it, ms, while its cooldown lasts."""
    verdicts: list[bool] = []
    """Whether the latest acts helped, oldest first; those that could not be told are left out."""
    breaker_open_until: int | None = None
    """None while the breaker is closed; a moment that has passed means that one plan is tried."""
    on_trial: bool = False
    """Whether that one plan has begun and is not verified yet."""
