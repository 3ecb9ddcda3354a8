"""Candidates tried on the forecast: what the goal's metric would do with each of them.

The simplest what-if that a forecast allows: an action shifts the whole path by its effect once
that sets in, and nothing else changes. The path is that of the metric if nobody acts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.core.metric.progress import distance
from streams.core.planning.plan import PlanCandidate
from streams.records import Goal


@dataclass(frozen=True, slots=True)
class Simulated:
    """What one candidate would do."""

    proposal: PlanCandidate
    effect: float | None
    """Change that was assumed, in the metric's unit; None where nothing is known: taken as 0."""
    shortfall: float
    """Mean distance to the target along the path, in the metric's unit; 0 when it always holds."""
    gain: float
    """Share of the shortfall without any act that it takes away, -1..1; 0 changes nothing."""


def rank(
    candidates: Iterable[PlanCandidate],
    path: Sequence[float],
    goal: Goal,
    *,
    learned: Mapping[str, float] | None = None,
    delay_steps: int = 0,
) -> list[Simulated]:
    """The candidates, the best first: least shortfall, then least cost, then by name.

    ``path`` holds the forecast mean per step (values that are not finite are left out); without
    one the metric is taken to stay as it is. ``learned`` gives measured effects by candidate, in
    place of declared ones. An effect sets in after ``delay_steps`` steps, 0 or more.
    """
    if not any(map(math.isfinite, path)):
        path = [] if goal.current_value is None else [goal.current_value]
        delay_steps = 0
    effects = learned or {}
    results = [
        _simulate(each, effects.get(each.name, each.effect), path, goal, delay_steps)
        for each in candidates
    ]
    return sorted(
        results, key=lambda each: (each.shortfall, each.proposal.cost, each.proposal.name)
    )


def _simulate(
    proposal: PlanCandidate,
    effect: float | None,
    path: Sequence[float],
    goal: Goal,
    delay_steps: int,
) -> Simulated:
    shift = effect or 0.0
    steps = [(step, value) for step, value in enumerate(path) if math.isfinite(value)]
    without = _shortfall([value for _, value in steps], goal)
    shifted = [value + shift if step >= delay_steps else value for step, value in steps]
    shortfall = _shortfall(shifted, goal)
    return Simulated(proposal, effect, shortfall, _gain(without, shortfall))


def _shortfall(path: Sequence[float], goal: Goal) -> float:
    mean = 0.0
    for count, value in enumerate(path, start=1):  # a sum could leave the number range
        mean += (distance(goal.direction, goal.target_value, value) - mean) / count
    return mean


def _gain(without: float, shortfall: float) -> float:
    if without == 0:
        return -1.0 if shortfall > 0 else 0.0
    return max(-1.0, 1 - shortfall / without)
