"""What is known of action types, and how plans are made and carried out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.errors import ConfigError
from streams.records import GoalType, PlanPolicy

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action type of the catalogue. What is not in the catalogue needs approval."""

    goal_types: tuple[GoalType, ...] = ()
    """Kinds of goals that it may serve; empty for all."""
    metrics: tuple[str, ...] = ()
    """Target metrics that it moves; empty: it is no candidate by itself, only a step."""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    effect: Mapping[str, float] = field(default_factory=dict[str, float])
    """Expected change by metric, in its unit, until enough was measured."""
    requires: tuple[str, ...] = ()
    """Facts that must hold before: what other actions provide."""
    provides: tuple[str, ...] = ()
    """Facts that hold afterwards."""
    resources: Mapping[str, float] = field(default_factory=dict[str, float])
    """Resource metric to the amount that must be free while it runs."""
    undo: str = ""
    """Action type that undoes it."""
    reversible: bool = True
    """False for what cannot be undone: a second person has to approve it."""
    unattended: bool = False
    """Whether it may run without approval (the allow list)."""
    agent: str = ""
    """Who carries it out; empty for any worker that has a handler."""
    cost: float = 0.0
    """What it costs, in any one unit; only compared."""

    def __post_init__(self) -> None:
        numbers = {"cost": self.cost}
        for name, amounts in (("effect", self.effect), ("resources", self.resources)):
            numbers |= {f"{name}.{metric}": amount for metric, amount in amounts.items()}
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise _unusable(name, number, "not a finite number", "use a finite number")
            if name.startswith("resources.") and number < 0:
                raise _unusable(name, number, "setting out of range", "use 0 or more")


@dataclass(frozen=True, slots=True)
class PlanningConfig:
    """All times in ms of event time."""

    max_concurrent_goals: int = 3
    """Plans of one entity that run at once."""
    max_attempts: int = 3
    """Plans that are carried out for a goal before it fails."""
    cooldown_ms: int = 10 * MINUTE_MS
    """Between the end of a plan and the next for the same goal."""
    action_delay_ms: int = 1_000
    """Between two steps of a plan."""
    lease_ms: int = 5 * MINUTE_MS
    """How long a step may be without an outcome before it counts as timed out."""
    step_ms: int = 2 * MINUTE_MS
    """Estimated duration of a step that was never measured."""
    policy: PlanPolicy = PlanPolicy.STOP
    """What happens to the steps behind one that failed."""
    scheduled_delay_ms: int = 5 * MINUTE_MS
    """Delay of strategy scheduled where no time of low load is known."""
    adaptive_delay_ms: int = 2 * MINUTE_MS
    """Delay of strategy adaptive while the entity is healthy."""
    low_load_share: float = 0.1
    """How far up from the lowest to the highest expected load a time still counts as one of low
    load, 0..1."""
    plans_kept: int = 20
    """Ended plans kept per entity for the views."""

    def __post_init__(self) -> None:
        for name in ("max_concurrent_goals", "max_attempts", "lease_ms", "step_ms", "plans_kept"):
            if getattr(self, name) < 1:
                raise _out_of_range(name, getattr(self, name), "use 1 or more")
        for name in ("cooldown_ms", "action_delay_ms", "scheduled_delay_ms", "adaptive_delay_ms"):
            if getattr(self, name) < 0:
                raise _out_of_range(name, getattr(self, name), "use 0 or more")
        if not 0 <= self.low_load_share <= 1:
            raise _out_of_range("low_load_share", self.low_load_share, "use 0 to 1")


def _out_of_range(name: str, value: float, remedy: str) -> ConfigError:
    return ConfigError("setting out of range", field=f"planning.{name}", value=value, remedy=remedy)


def _unusable(name: str, value: float, message: str, remedy: str) -> ConfigError:
    return ConfigError(message, field=f"actions.*.{name}", value=value, remedy=remedy)
