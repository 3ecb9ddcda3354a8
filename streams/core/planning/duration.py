"""How long a plan is expected to run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from streams.core.planning.config import PlanningConfig
from streams.records import Goal, GoalType, PlanStep

_FACTORS = {GoalType.CAPACITY_PLANNING: 2.0, GoalType.PERFORMANCE_TARGET: 1.5}
"""By how much longer than ``step_ms`` a step takes that was never measured."""


def estimate_ms(
    goal: Goal, steps: Iterable[PlanStep], medians: Mapping[str, float], config: PlanningConfig
) -> int:
    """Sum over the steps of the median duration of their action type, ms.

    A type without a usable median takes ``step_ms``, twice that for capacity planning and half
    as much again for a performance target.
    """
    guess = config.step_ms * _FACTORS.get(goal.goal_type, 1.0)
    return round(math.fsum(_step_ms(medians.get(step.name), guess) for step in steps))


def _step_ms(median: float | None, guess: float) -> float:
    return guess if median is None or not 0 <= median < math.inf else median
