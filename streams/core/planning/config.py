"""What is known of action types, and how plans are made and carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.core.kernel.checks import (
    MINUTE_MS,
    Count,
    Finite,
    PositiveOrZero,
    Share,
    Time,
    TimeOrZero,
    check,
)
from streams.records import GoalType, PlanPolicy


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action type of the catalogue. What is not in the catalogue needs approval."""

    goal_types: tuple[GoalType, ...] = ()
    """Kinds of goals that it may serve; empty for all."""
    metrics: tuple[str, ...] = ()
    """Target metrics that it moves; empty: it is no candidate by itself, only a step."""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    effect: Mapping[str, Finite] = field(default_factory=dict[str, float])
    """Expected change by metric, in its unit, until enough was measured."""
    requires: tuple[str, ...] = ()
    """Facts that must hold before: what other actions provide."""
    provides: tuple[str, ...] = ()
    """Facts that hold afterwards."""
    resources: Mapping[str, PositiveOrZero] = field(default_factory=dict[str, float])
    """Resource metric to the amount that must be free while it runs."""
    undo: str = ""
    """Action type that undoes it."""
    reversible: bool = True
    """False for what cannot be undone: a second person has to approve it."""
    unattended: bool = False
    """Whether it may run without approval (the allow list)."""
    agent: str = ""
    """Who carries it out; empty for any worker that has a handler."""
    cost: Finite = 0.0
    """What it costs, in any one unit; only compared."""

    def __post_init__(self) -> None:
        check(self, "actions.*")


@dataclass(frozen=True, slots=True)
class PlanningConfig:
    """All times in ms of event time."""

    max_concurrent_goals: Count = 3
    """Plans of one entity that run at once."""
    max_attempts: Count = 3
    """Plans that are carried out for a goal before it fails."""
    cooldown_ms: TimeOrZero = 10 * MINUTE_MS
    """Between the end of a plan and the next for the same goal."""
    action_delay_ms: TimeOrZero = 1_000
    """Between two steps of a plan."""
    lease_ms: Time = 5 * MINUTE_MS
    """How long a step may be without an outcome before it counts as timed out."""
    step_ms: Time = 2 * MINUTE_MS
    """Estimated duration of a step that was never measured."""
    policy: PlanPolicy = PlanPolicy.STOP
    """What happens to the steps behind one that failed."""
    scheduled_delay_ms: TimeOrZero = 5 * MINUTE_MS
    """Delay of strategy scheduled where no time of low load is known."""
    adaptive_delay_ms: TimeOrZero = 2 * MINUTE_MS
    """Delay of strategy adaptive while the entity is healthy."""
    low_load_share: Share = 0.1
    """How far up from the lowest to the highest expected load a time still counts as one of low
    load, 0..1."""
    plans_kept: Count = 20
    """Ended plans kept per entity for the views."""

    def __post_init__(self) -> None:
        check(self, "planning")
