"""What is to be reached, and whether it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.quality.closed_loop import CAUTION, name_of
from benchmarks.quality.summary import MethodSummary

LEVELS = ("must", "good", "goal")


@dataclass(frozen=True, slots=True)
class Mark:
    """One figure and what it should be at each level."""

    figure: str
    value: float
    bounds: tuple[tuple[float, float], ...]
    """Smallest and largest value for each of LEVELS."""

    def reaches(self, level: str) -> bool:
        low, high = self.bounds[LEVELS.index(level)]
        return low <= self.value <= high

    @property
    def reached(self) -> str:
        """The highest level; empty for none."""
        return next((level for level in reversed(LEVELS) if self.reaches(level)), "")


OVER_NAIVE = {
    1: (0.75, 0.71, 0.64),
    12: (0.79, 0.71, 0.64),
    24: (0.83, 0.74, 0.67),
    72: (0.88, 0.76, 0.68),
}
COVERAGE = ((0.72, 0.88), (0.76, 0.84), (0.78, 0.82))
PRECISION = (0.39, 0.44, 0.47)
ANOMALY = (49.0, 60.0, 66.0)
OVER_HPA = (0.79, 0.56, 0.39)


def marks(of: MethodSummary) -> list[Mark]:
    """Every figure that has a mark."""
    found: list[Mark] = []
    for each in of.forecasts:
        ratio = Mark(
            f"over naive, h={each.horizon}", each.over_naive, _at_most(OVER_NAIVE[each.horizon])
        )
        found += [ratio, Mark(f"coverage, h={each.horizon}", each.coverage, COVERAGE)]
    found.append(
        Mark("breach, average precision", of.breaches.average_precision, _at_least(PRECISION))
    )
    found.append(Mark("anomaly, standard score", of.anomalies.score, _at_least(ANOMALY)))
    over = of.loop.over_hpa.get(name_of(CAUTION), math.nan)
    found.append(Mark("closed loop, violations over HPA's", over, _at_most(OVER_HPA)))
    return found


def _at_most(bounds: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    return tuple((-math.inf, bound) for bound in bounds)


def _at_least(bounds: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    return tuple((bound, math.inf) for bound in bounds)
