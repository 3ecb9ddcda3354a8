"""The value whose crossing by a metric is a breach."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from streams.core.config import CoreConfig
from streams.core.metric.config import MetricConfig, lookup


class Limit(NamedTuple):
    """``known.direction`` says which side is bad."""

    value: float
    known: MetricConfig


def limit_of(config: CoreConfig, metric: str) -> Limit | None:
    """That of the metric's capacity, else its objective; None when it has neither."""
    known = config.metric(metric)
    if known is not None and known.limit is not None:
        return Limit(known.limit, known)
    objective = lookup(config.setting.objectives, metric, config.aliases)
    if objective is None:
        return None
    known = MetricConfig() if known is None else known
    unit = known.unit or objective.unit
    return Limit(objective.target, replace(known, direction=objective.direction, unit=unit))
