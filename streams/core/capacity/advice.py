"""What a prediction warns of and what it recommends, in words."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.capacity.bottlenecks import HIGH
from streams.core.capacity.config import StateConfig
from streams.core.capacity.wording import after, counted
from streams.records import Bottleneck, Pattern, PatternType, ResourceDemand, Severity, SystemState

_URGENT = (
    "act now: add capacity, or shed load that is not needed",
    "watch the entity closely and have somebody ready to step in",
)
_BUSY = (
    "plan more capacity before use grows further",
    "move work that can wait to a quieter time",
)
_MANY_RISKS = 3
"""More risks than this call for a review."""


def risk_factors(
    demands: Sequence[ResourceDemand],
    bottlenecks: Sequence[Bottleneck],
    patterns: Sequence[Pattern],
    config: StateConfig,
) -> tuple[str, ...]:
    """One text per risk: resources in high use, resources that run out, the number of critical
    bottlenecks, known spikes."""
    risks = [
        f"{demand.resource_type} is expected to use up to {demand.peak_utilization_percent:.3g} % "
        "of its capacity"
        for demand in demands
        if demand.upper_peak / demand.capacity > config.risk
    ]
    risks += [
        f"{demand.resource_type} passes its capacity {after(demand.time_to_capacity_ms)}"
        for demand in demands
        if demand.time_to_capacity_ms is not None
    ]
    critical = sum(bottleneck.severity is Severity.CRITICAL for bottleneck in bottlenecks)
    if critical:
        risks.append(counted(critical, "critical bottleneck"))
    spikes = _active(patterns, PatternType.PERIODIC_SPIKE)
    return (*risks, *(f"known spike: {spike.description}" for spike in spikes))


def recommendations(
    state: SystemState,
    demands: Sequence[ResourceDemand],
    bottlenecks: Sequence[Bottleneck],
    patterns: Sequence[Pattern],
    risks: Sequence[str],
    config: StateConfig,
) -> tuple[str, ...]:
    """What to do, the most urgent first, nothing twice.

    For the predicted state, for each resource whose peak is above ``config.critical``, the first
    two measures against each high or critical bottleneck, for recurring tasks, for many risks.
    """
    advice: list[str] = []
    if state.is_urgent:
        advice += _URGENT
    elif state is SystemState.DEGRADED:
        advice += _BUSY
    advice += [
        f"reduce or spread the use of {demand.resource_type}, or raise its capacity"
        for demand in demands
        if demand.upper_peak / demand.capacity > config.critical
    ]
    for bottleneck in bottlenecks:
        if bottleneck.severity.rank >= HIGH:
            advice += bottleneck.mitigation_suggestions[:2]
    tasks = len(_active(patterns, PatternType.RECURRING_TASK))
    if tasks:
        advice.append(f"schedule around {counted(tasks, 'recurring task')}")
    if len(risks) > _MANY_RISKS:
        advice.append(f"review the entity: {len(risks)} risks at once")
    return tuple(dict.fromkeys(advice))


def _active(patterns: Sequence[Pattern], kind: PatternType) -> list[Pattern]:
    return [pattern for pattern in patterns if pattern.active and pattern.pattern_type is kind]
