"""How an entity stands with the safety rules, for people."""

from __future__ import annotations

import msgspec

from streams.core.analysis.state import Analyses
from streams.core.effects.impact import ImpactState, MetricImpact
from streams.core.execution.state import Counters, Plans
from streams.core.goals.state import Goals
from streams.core.kernel.entity import Entity
from streams.core.safety.approval import awaits_approval
from streams.core.safety.breaker import BreakerStatus, status
from streams.core.safety.budget import usage
from streams.core.safety.config import SafetyConfig
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState


class Totals(Counters, kw_only=True):
    """What was done for the entity so far."""

    predictions: int = 0
    last_analysis: int | None = None
    """Event time, ms."""


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
    counters: Totals


def summary(entity: Entity, config: SafetyConfig) -> AutonomySummary:
    """As of the newest record of the entity."""
    safety, plans, analyses = entity.read(SafetyState), entity.read(Plans), entity.read(Analyses)
    used = usage(safety, config, entity.clock)
    return AutonomySummary(
        controls=safety.controls,
        acts_used=used.used,
        acts_limit=used.limit,
        breaker=status(safety, entity.clock),
        awaiting_approval=tuple(plan.plan_id for plan in plans.all() if awaits_approval(plan)),
        held={
            goal_id: entry.held
            for goal_id, entry in entity.read(Goals).entries.items()
            if entry.held
        },
        unmeasured=tuple(each.plan_id for each in plans.expectations()),
        impact=entity.read(ImpactState).metrics,
        counters=Totals(
            **msgspec.structs.asdict(plans.counters),
            predictions=analyses.predictions,
            last_analysis=analyses.last,
        ),
    )
