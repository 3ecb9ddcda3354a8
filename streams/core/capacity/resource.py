"""What is known of one resource: its capacity, its use now, and the forecast of its use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from streams.core.kernel.model_results import SeriesForecast
from streams.core.metric.config import MetricConfig
from streams.errors import ConfigError
from streams.records import Direction


def is_resource(known: MetricConfig | None) -> bool:
    """Whether a metric is a resource: it has a capacity, and large values fill it."""
    return known is not None and known.capacity is not None and known.direction is Direction.AT_MOST


@dataclass(frozen=True, slots=True)
class Resource:
    """One metric of an entity that ``is_resource``. Raises ConfigError for any other metric."""

    name: str
    known: MetricConfig
    current: float | None = None
    """Latest value; None when there is none, or it is too old to count."""
    forecast: SeriesForecast | None = None
    """Best at ``StateConfig.level``. None while there is none; one that gives no times or no finite
    numbers is not used."""
    passing: Callable[[float], float | None] | None = None
    """The forecaster's own chance, 0..1, that some value of the horizon is above a limit."""

    def __post_init__(self) -> None:
        if not is_resource(self.known):
            raise ConfigError(
                "a resource needs a capacity that large values fill",
                field=f"metrics.{self.name}.capacity",
                value=self.known.capacity,
                remedy="set the value at which the resource is full, with direction at_most",
            )

    @property
    def capacity(self) -> float:
        """In the metric's unit."""
        return cast(float, self.known.capacity)

    @property
    def usage(self) -> float | None:
        """The current value, where it is a finite number."""
        known = self.current is not None and math.isfinite(self.current)
        return self.current if known else None
