"""Figures of each method over a split of the series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality import anomalies, breaches, closed_loop, forecasts
from benchmarks.quality.anomalies import AnomalySummary
from benchmarks.quality.breaches import BreachSummary
from benchmarks.quality.closed_loop import Cost, LoopSummary
from benchmarks.quality.data import Split
from benchmarks.quality.forecasts import HorizonSummary
from benchmarks.quality.replay import MethodScore, SeriesScore


@dataclass(frozen=True, slots=True)
class MethodSummary:
    """One method over one split."""

    forecasts: list[HorizonSummary]
    breaches: BreachSummary
    anomalies: AnomalySummary
    loop: LoopSummary


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """All methods over one split, and what bounds the closed loop."""

    split: str
    series: int
    methods: dict[str, MethodSummary]
    bounds: dict[str, Cost]


def summaries(scores: Sequence[SeriesScore], splits: Sequence[Split]) -> list[SplitSummary]:
    """For each split. The threshold of the anomaly scores is taken from the series ``selection``:
    those held out have no say in it."""
    names = list(scores[0].methods)
    open_series = next(split.members for split in splits if split.name == "selection")
    thresholds = {
        name: anomalies.best_threshold(
            [each.methods[name].labelled for each in scores if each.name in open_series]
        )
        for name in names
    }
    return [_summary(scores, split, thresholds) for split in splits]


def _summary(
    scores: Sequence[SeriesScore], split: Split, thresholds: dict[str, float]
) -> SplitSummary:
    held = [each for each in scores if each.name in split.members]
    methods = {
        name: _of_method([each.methods[name] for each in held], threshold)
        for name, threshold in thresholds.items()
    }
    bounds = {
        name: _mean([each.bounds[name] for each in held if each.bounds])
        for name in ("hpa", "static peak", "oracle")
    }
    return SplitSummary(split.name, len(held), methods, bounds)


def _of_method(scores: list[MethodScore], threshold: float) -> MethodSummary:
    return MethodSummary(
        forecasts.summary([each.horizons for each in scores]),
        breaches.summary([each.answers for each in scores]),
        anomalies.summary([each.labelled for each in scores], threshold),
        closed_loop.summary([each.loop for each in scores if each.loop]),
    )


def _mean(costs: list[Cost]) -> Cost:
    pairs = np.array([(cost.units, cost.violations) for cost in costs]).reshape(-1, 2)
    units, violations = pairs.mean(axis=0).tolist() if costs else (np.nan, np.nan)
    return Cost(units, violations)
