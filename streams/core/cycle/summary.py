"""How an entity stands with the safety rules, for people."""

from __future__ import annotations

import msgspec

from streams.core.config import CoreConfig
from streams.core.cycle.counters import Counters
from streams.core.effects.impact import MetricImpact
from streams.core.kernel.entity import EntityState
from streams.core.safety.approval import awaits_approval
from streams.core.safety.breaker import BreakerStatus, status
from streams.core.safety.budget import usage
from streams.core.safety.modes import Controls


class AutonomySummary(msgspec.Struct, frozen=True, kw_only=True):
    """One entity; nothing of it is about the whole system."""

    controls: Controls
    """What operators set for this entity alone."""
    acts_used: int
    """Plans that began within the window of the budget."""
    acts_limit: int
    breaker: BreakerStatus
    awaiting_approval: tuple[str, ...]
    """Plan ids."""
    held: dict[str, str]
    """Open goals for which nothing is planned, with the reason."""
    unmeasured: tuple[str, ...]
    """Plans whose effect is still to be measured."""
    impact: dict[str, MetricImpact]
    """Measured change by target metric."""
    counters: Counters


def summary(state: EntityState, config: CoreConfig) -> AutonomySummary:
    """As of the newest record of the entity."""
    used = usage(state.safety, config.safety, state.clock)
    return AutonomySummary(
        controls=state.controls,
        acts_used=used.used,
        acts_limit=used.limit,
        breaker=status(state.safety, state.clock),
        awaiting_approval=tuple(
            plan.plan_id for plan in state.plans.values() if awaits_approval(plan)
        ),
        held=state.held,
        unmeasured=tuple(state.expectations),
        impact=state.impact.metrics,
        counters=state.counters,
    )
