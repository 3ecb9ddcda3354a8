"""From which use of a resource on it counts as busy, critical or overloaded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from streams.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StateConfig:
    """Where each state begins, as a share of the capacity. Below ``healthy`` use is optimal."""

    healthy: float = 0.60
    degraded: float = 0.75
    critical: float = 0.85
    """Also the average use that is a bottleneck though nothing is passed."""
    overloaded: float = 0.95
    """Also the average use from which a crossing is critical."""
    risk: float = 0.80
    """Peak use above which a resource is named as a risk."""
    quantile: float = 0.90
    """Quantile of a single step that is planned for, 0.5..1 exclusive.

    On the open series of the Numenta benchmark the largest 0.9 quantile of 24 steps is the median
    of the largest value that comes; the largest mean is passed five times in six.
    """

    def __post_init__(self) -> None:
        starts = ("healthy", "degraded", "critical", "overloaded")
        for name in (*starts, "risk"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "use a positive share")
        for lower, upper in pairwise(starts):
            ascending = getattr(self, lower) < getattr(self, upper)
            _require(ascending, upper, getattr(self, upper), f"use more than states.{lower}")
        _require(0.5 < self.quantile < 1, "quantile", self.quantile, "use 0.5 to 1, exclusive")

    @property
    def level(self) -> float:
        """Level of the interval whose upper end is ``quantile``: what to ask forecasts for."""
        return 2 * self.quantile - 1


def _require(condition: bool, name: str, value: float, remedy: str) -> None:
    if not condition:
        raise ConfigError(
            "setting out of range", field=f"states.{name}", value=value, remedy=remedy
        )
