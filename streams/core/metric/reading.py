"""What goals and suggestions need to know of a metric's values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.core.kernel.turn import Turn


@dataclass(frozen=True, slots=True)
class MetricReading:
    """What was measured of one metric, in its unit."""

    value: float
    """The latest value."""
    previous: float | None = None
    """The one before it."""
    baseline: float | None = None
    """The first one; used where a goal has no baseline of its own."""
    dead_band: float = 0.0
    """Change that counts as none, 0 or more: the running one-step error of its forecasts."""
    after_silence: bool = False
    """Whether nothing was measured for so long before that nobody knows what was in between."""


def read_metric(turn: Turn, metric: str) -> MetricReading | None:
    """None when it was never measured."""
    series = turn.series(metric)
    if series is None:
        return None
    quality = series.quality()
    noise = 0.0 if quality is None else quality.error
    return MetricReading(
        series.value, series.previous, series.baseline, noise, series.after_silence
    )


def read_metrics(turn: Turn, metrics: Iterable[str]) -> dict[str, MetricReading]:
    """Of those that were measured, by metric."""
    found = ((metric, read_metric(turn, metric)) for metric in dict.fromkeys(metrics))
    return {metric: reading for metric, reading in found if reading is not None}


def confidence(turn: Turn, metrics: Iterable[str]) -> float | None:
    """Lowest forecast confidence (0..1) among the metrics; None before any was scored."""
    series = [each for metric in metrics if (each := turn.series(metric)) is not None]
    scored = [quality for each in series if (quality := each.quality()) is not None]
    return min((quality.confidence for quality in scored), default=None)
