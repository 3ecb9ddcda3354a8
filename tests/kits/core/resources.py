"""Resources and forecasts to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from streams.core.capacity.config import StateConfig
from streams.core.capacity.outlook import Outlook, look_ahead
from streams.core.capacity.resource import Resource
from streams.core.config import CoreConfig
from streams.core.kernel.model_results import SeriesForecast
from streams.records import Pattern, PatternType

NOW = 1_700_000_000_000
HOUR = 3_600_000
STATES = StateConfig()
LEVEL = 0.8
"""At this level the upper end of an interval is the 0.9 quantile, which is planned for."""


def forecast(means: Sequence[float], half_width: float = 0.0, **fields: Any) -> SeriesForecast:
    """One mean per hour, intervals of 80 % that hold what they promise."""
    mean = np.array(means, dtype=np.float64)
    given = SeriesForecast(
        method="ensemble",
        members=("ensemble",),
        step_ms=HOUR,
        mean=mean,
        lower=mean - half_width,
        upper=mean + half_width,
        level=LEVEL,
        error=0.0,
        coverage=LEVEL,
        promised=LEVEL,
        points=100,
    )
    return replace(given, **fields)


def resource(
    means: Sequence[float] = (), name: str = "cpu", current: float | None = 50.0, **fields: Any
) -> Resource:
    """A resource with its default capacity; without means, without a forecast."""
    known = CoreConfig().metrics[name]
    return Resource(
        name, known, current, **({"forecast": forecast(means) if means else None} | fields)
    )


def outlook(*resources: Resource, config: StateConfig = STATES, **fields: Any) -> Outlook:
    return look_ahead(resources, now=NOW, config=config, outlook_id="p-1", **fields)


def pattern(kind: PatternType, description: str = "", active: bool = True) -> Pattern:
    return Pattern(
        entity_id="checkout",
        timestamp=NOW,
        pattern_id=f"{kind}-{description}",
        pattern_type=kind,
        description=description,
        confidence=0.9,
        active=active,
    )
