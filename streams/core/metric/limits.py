"""What is known of all metrics, and the value whose crossing by one of them is a breach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from streams.core.kernel.checks import Finite, check, require
from streams.core.metric.config import MetricConfig, lookup
from streams.records import Direction


@dataclass(frozen=True, slots=True)
class Objective:
    """Where a metric is to be, in its unit."""

    target: Finite
    direction: Direction = Direction.AT_MOST
    unit: str = ""

    def __post_init__(self) -> None:
        check(self, "setting.*")
        bounded = self.direction is not Direction.REACH
        require(bounded, "setting.*.direction", self.direction, "use at_most or at_least")


class Limit(NamedTuple):
    """``known.direction`` says which side is bad."""

    value: float
    known: MetricConfig


@dataclass(frozen=True, slots=True)
class KnownMetrics:
    """By name; ``aliases`` leads from other names to these."""

    metrics: Mapping[str, MetricConfig]
    aliases: Mapping[str, str]
    objectives: Mapping[str, Objective]

    def get(self, name: str) -> MetricConfig | None:
        """What is known of a metric by its name or alias."""
        return self.metrics.get(self.aliases.get(name, name))

    def limit(self, name: str) -> Limit | None:
        """That of the metric's capacity, else its objective; None when it has neither."""
        known = self.get(name)
        if known is not None and known.limit is not None:
            return Limit(known.limit, known)
        objective = lookup(self.objectives, name, self.aliases)
        if objective is None:
            return None
        known = MetricConfig() if known is None else known
        unit = known.unit or objective.unit
        return Limit(objective.target, replace(known, direction=objective.direction, unit=unit))

    def scale(self, name: str, *others: float | None) -> float | None:
        """What a change of the metric is compared with: its capacity, else the first of the other
        numbers; None when all are unknown or 0."""
        known = self.get(name)
        capacity = None if known is None else known.capacity
        return next((abs(value) for value in (capacity, *others) if value), None)
