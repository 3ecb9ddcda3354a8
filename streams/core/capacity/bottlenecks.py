"""Resources that are expected to run short: how badly, when, and what usually helps."""

from __future__ import annotations

from streams.core.analysis.mitigations import mitigations
from streams.core.capacity.config import StateConfig
from streams.core.capacity.demand import Path
from streams.core.capacity.wording import after, amount
from streams.core.kernel.ids import stable_id
from streams.records import Bottleneck, ResourceDemand, Severity

HIGH = Severity.WARNING.rank
"""Rank from which a bottleneck is high or critical."""


def bottleneck_severity(demand: ResourceDemand, config: StateConfig) -> Severity | None:
    """critical, warning (high) or caution (medium); None when the resource suffices.

    Passing the capacity is critical when average use is above ``config.overloaded``, else a
    warning. Average use above ``config.critical`` is worth caution when nothing is passed. No
    bottleneck is low: what is less than that is none.
    """
    average = demand.predicted_usage / demand.capacity
    if demand.will_exceed_capacity:
        return Severity.CRITICAL if average > config.overloaded else Severity.WARNING
    return Severity.CAUTION if average > config.critical else None


def find_bottleneck(
    path: Path, demand: ResourceDemand, now: int, config: StateConfig, cause_id: str
) -> Bottleneck | None:
    """The bottleneck that the demand of a resource, made at ``now`` (ms), amounts to, if any.

    Its id derives from ``cause_id``, the prediction that it is part of, and the resource.
    """
    severity, name = bottleneck_severity(demand, config), demand.resource_type
    share = 1.0 if demand.will_exceed_capacity else config.critical
    limit = share * demand.capacity
    ahead = path.time_above(limit)
    if severity is None or ahead is None:
        return None
    return Bottleneck(
        bottleneck_id=stable_id("bottleneck", cause_id, name),
        location=name,
        severity=severity,
        description=_describe(demand, limit, ahead, path.resource.known.unit),
        predicted_time=now + ahead,
        threshold=limit,
        probability=path.chance_above(limit) if ahead else 1.0,
        confidence=demand.confidence,
        affected_resources=(name,),
        mitigation_suggestions=mitigations(name),
    )


def by_urgency(bottleneck: Bottleneck) -> tuple[int, int]:
    """Sorts the most severe first, and the sooner of equals."""
    return -bottleneck.severity.rank, bottleneck.predicted_time


def _describe(demand: ResourceDemand, limit: float, ahead: int, unit: str) -> str:
    what = "its capacity" if demand.will_exceed_capacity else "the value worth caution"
    return (
        f"{demand.resource_type} passes {what} of {amount(limit, unit)} {after(ahead)}; average "
        f"use {amount(demand.predicted_usage, unit)} ({demand.utilization_percent:.3g} % of "
        f"capacity), peak {amount(demand.upper_peak, unit)}"
    )
