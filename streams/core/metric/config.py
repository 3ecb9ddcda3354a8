"""What is known of a metric by its name: unit, capacity, limit, direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from streams.core.kernel.checks import AboveZero, Positive, check, require
from streams.records import Direction

CALENDAR_TERMS = ("hour", "weekday", "holidays")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class MetricConfig:
    """What is known about one metric name, for every entity that has it."""

    capacity: Positive | None = None
    """Value at which the resource is full, in the metric's unit."""
    limit_ratio: AboveZero = 0.95
    """Share of the capacity whose crossing is a breach."""
    target_ratio: AboveZero = 0.8
    """Share of the capacity that a goal asks for."""
    unit: str = ""
    direction: Direction = Direction.AT_MOST
    """AT_MOST: large values are bad; AT_LEAST: small values are bad."""
    regressors: tuple[str, ...] = ()
    """Other metrics of the same entity by which forecasts are corrected where that helps."""
    calendar: tuple[str, ...] = ()
    """What of the calendar they are corrected by: hour, weekday, holidays."""

    def __post_init__(self) -> None:
        check(self, "metrics.*")
        unknown = set(self.calendar) - set(CALENDAR_TERMS)
        require(not unknown, "metrics.*.calendar", self.calendar, "use hour, weekday, holidays")

    @property
    def is_corrected(self) -> bool:
        """Whether forecasts are corrected by anything."""
        return bool(self.regressors or self.calendar)

    @property
    def limit(self) -> float | None:
        """The value whose crossing is a breach; None without a capacity."""
        return None if self.capacity is None else self.capacity * self.limit_ratio

    @property
    def target(self) -> float | None:
        """The value a goal asks for; None without a capacity."""
        return None if self.capacity is None else self.capacity * self.target_ratio


RESOURCES: Mapping[str, MetricConfig] = {
    "cpu": MetricConfig(capacity=100, unit="%"),
    "memory": MetricConfig(capacity=100, unit="%"),
    "api_calls": MetricConfig(capacity=10_000, unit="calls"),
    "token_budget": MetricConfig(capacity=1_000_000, unit="tokens"),
    "storage": MetricConfig(capacity=1_000, unit="GB"),
    "network": MetricConfig(capacity=1_000, unit="Mbit/s"),
}
"""Metrics whose capacity is known without being configured."""


def lookup(table: Mapping[str, _T], metric: str, aliases: Mapping[str, str]) -> _T | None:
    """Entry of a metric by its name, else by its alias."""
    own = table.get(metric)
    return own if own is not None else table.get(aliases.get(metric, metric))
