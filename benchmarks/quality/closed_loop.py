"""Part 4: forecasts steer how many units serve a demand, beside the Kubernetes autoscaler's rule.

One step stands for a minute. Units asked for after a step are paid from the next step on and
serve DELAY steps later; units given up are gone at once, the newest first. A step violates when
the demand is more than LIMIT of what the serving units can do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.testing.predictor import Z90

DELAY = 5
LIMIT = 0.8
UNITS_AT_MEAN, LOAD_AT_MEAN = 20, 0.6
"""Units that carry the mean demand at this load: sets what one unit can do."""
LOOKAHEAD = 6
"""Steps whose forecasts are planned for: the first that units asked for now serve, and before."""
HOLD = 3
"""Steps for which the largest plan is kept."""
CAUTIONS = (1.0, Z90, 1.5, 2.0, 2.5, 3.0)
"""Deviations above the mean that are planned for; one deviation is (q90 - mean) / Z90."""
CAUTION = Z90
"""The one in the tables: plans for the 90 % quantile itself."""
TARGETS = tuple(np.arange(0.25, 0.9001, 0.025).tolist())
"""Loads that the autoscaler is set to, one curve of violations over cost."""
HPA_TARGET = 0.6
TOLERANCE = 0.1
STABILISATION = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one way to steer one trace."""

    units: float
    """Paid, mean of the steps."""
    violations: float
    """Share of the steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A demand, never negative, and what a unit of capacity can do of it."""

    demand: np.ndarray
    start: int
    """First step that counts."""
    unit: float

    def needed(self, demand: np.ndarray) -> np.ndarray:
        """Units with which such a demand is no violation."""
        wanted = np.maximum(demand, 0.0) / (LIMIT * self.unit)
        return np.maximum(1, np.ceil(wanted - 1e-9)).astype(np.int64)

    def cost(self, asked: np.ndarray) -> Cost:
        """What comes of the units asked for after each step."""
        serving = _smallest_of_last(asked, DELAY)[self.start - 1 : -1]
        demand = self.demand[self.start :]
        violated = demand > LIMIT * self.unit * serving * (1 + 1e-9)
        return Cost(float(asked[self.start - 1 : -1].mean()), float(violated.mean()))


def trace(values: np.ndarray, warm_up: int) -> Trace | None:
    """The series as a demand from the warm-up on; None when it is constant or ever negative."""
    if values.min() < 0 or values.min() == values.max():
        return None
    return Trace(values, warm_up, float(values.mean()) / (UNITS_AT_MEAN * LOAD_AT_MEAN))


def first_plan(warm_up: int) -> int:
    """Step after which the first plan is needed, so that its units serve when counting begins."""
    return max(warm_up - DELAY - HOLD, 0)


def steered(on: Trace, means: np.ndarray, uppers: np.ndarray, caution: float) -> Cost:
    """Plan for the largest of the next steps' mean + caution deviations, and hold it.

    ``means`` and ``uppers``: forecasts made after each step, (steps, LOOKAHEAD).
    """
    wanted = (means + caution * (uppers - means) / Z90).max(axis=1)
    return on.cost(_largest_of_last(on.needed(wanted), HOLD))


def hpa(on: Trace, target: float) -> np.ndarray:
    """Units that the Kubernetes rule asks for after each step.

    Demand over units, relative to the target: within TOLERANCE nothing changes; else the units
    that would be on target, at most twice as many; fewer only when no recommendation of the last
    STABILISATION steps was higher. It sees the true demand and the units asked for.
    """
    aim = on.unit * target
    asked: list[int] = []
    recommended: list[int] = []
    units = max(1, math.ceil(on.demand[0] / aim))
    for demand in on.demand.tolist():
        wanted = units
        if abs(demand / (units * aim) - 1) > TOLERANCE:
            wanted = min(max(1, math.ceil(demand / aim)), 2 * units)
        recommended.append(wanted)
        units = max(recommended[-STABILISATION:])
        asked.append(units)
    return np.array(asked)


def curve(on: Trace) -> list[Cost]:
    """What the Kubernetes rule costs at each target."""
    return [on.cost(hpa(on, target)) for target in TARGETS]


def at_cost(costs: Sequence[Cost], units: float) -> float:
    """Violations on the curve at that cost, straight between its points, flat beyond its ends."""
    ordered = sorted(costs, key=lambda cost: (cost.units, -cost.violations))
    xs, ys = [cost.units for cost in ordered], [cost.violations for cost in ordered]
    return float(np.interp(units, xs, ys))


def static_peak(on: Trace) -> Cost:
    """As many units as the largest demand needs, all the time."""
    return on.cost(np.full(len(on.demand), on.needed(on.demand[on.start :]).max()))


def oracle(on: Trace) -> Cost:
    """Fewest units without a violation, knowing the demand of the next DELAY steps.

    A unit that serves at a step was paid for since it was asked for, also while it did not serve.
    """
    needed = on.needed(on.demand)
    ahead = np.concatenate([needed[1:], np.ones(DELAY, needed.dtype)])
    return on.cost(_largest_of_last(ahead, DELAY)[DELAY - 1 :])


def _largest_of_last(values: np.ndarray, count: int) -> np.ndarray:
    """Running maximum over the last ``count`` entries, fewer at the begin."""
    padded = np.concatenate([np.full(count - 1, values[0]), values])
    return np.lib.stride_tricks.sliding_window_view(padded, count).max(axis=1)


def _smallest_of_last(values: np.ndarray, count: int) -> np.ndarray:
    return -_largest_of_last(-values, count)


@dataclass(frozen=True, slots=True)
class Loop:
    """One trace steered by one method, for each of CAUTIONS."""

    steered: tuple[Cost, ...]
    hpa_at_cost: tuple[float, ...]
    """Violations of the Kubernetes rule at the same cost."""


@dataclass(frozen=True, slots=True)
class LoopSummary:
    """Over several traces; NaN over none."""

    traces: int
    over_hpa: dict[str, float]
    """By caution: violations over those of the Kubernetes rule at the same cost, median of the
    traces."""
    over_hpa_overall: dict[str, float]
    """The same of all traces together: hangs on those that violate much."""
    units: float
    """Mean cost at CAUTION; 20 units carry the mean demand at 60 %."""
    violations: float
    hpa_at_cost: float


def summary(loops: Sequence[Loop]) -> LoopSummary:
    """Ratios at equal cost, and means at CAUTION."""
    if not loops:
        return LoopSummary(0, {}, {}, math.nan, math.nan, math.nan)
    ours = np.array([[cost.violations for cost in loop.steered] for loop in loops])
    theirs = np.array([loop.hpa_at_cost for loop in loops])
    units = np.array([[cost.units for cost in loop.steered] for loop in loops])
    place = CAUTIONS.index(CAUTION)
    return LoopSummary(
        traces=len(loops),
        over_hpa=_by_caution(np.median(_ratios(ours, theirs), axis=0)),
        over_hpa_overall=_by_caution(_ratios(ours.sum(axis=0), theirs.sum(axis=0))),
        units=float(units[:, place].mean()),
        violations=float(ours[:, place].mean()),
        hpa_at_cost=float(theirs[:, place].mean()),
    )


def _ratios(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """1 where neither violates, infinite where only we do."""
    even = np.where(ours > 0, math.inf, 1.0)
    return np.divide(ours, theirs, out=even, where=theirs > 0)


def _by_caution(values: np.ndarray) -> dict[str, float]:
    return {
        name_of(caution): value for caution, value in zip(CAUTIONS, values.tolist(), strict=True)
    }


def name_of(caution: float) -> str:
    """Key of a caution in ``LoopSummary``."""
    return f"{caution:.2f}"
