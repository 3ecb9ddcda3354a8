"""How long plans are expected to run."""

from __future__ import annotations

import math

import pytest

from streams.core.planning.config import PlanningConfig
from streams.core.planning.schedule import estimate_ms
from streams.records import GoalType
from tests.kits.core.planning import MINUTE, goal, step

CONFIG = PlanningConfig()


@pytest.mark.spec("S1-109")
@pytest.mark.parametrize(
    ("goal_type", "minutes"),
    [
        (GoalType.CAPACITY_PLANNING, 16),
        (GoalType.PERFORMANCE_TARGET, 12),
        (GoalType.COST_REDUCTION, 8),
    ],
)
def test_four_actions_that_were_never_measured(goal_type: GoalType, minutes: int) -> None:
    steps = [step(name) for name in "abcd"]
    assert estimate_ms(goal(goal_type=goal_type), steps, {}, CONFIG) == minutes * MINUTE


def test_measured_medians_are_taken_as_they_are() -> None:
    capacity = goal(goal_type=GoalType.CAPACITY_PLANNING)
    steps = [step("a"), step("b"), step("a")]
    medians = {"a": 1_000.4, "c": 5.0}
    assert estimate_ms(capacity, steps, medians, CONFIG) == 2_001 + 4 * MINUTE


@pytest.mark.parametrize("median", [math.nan, math.inf, -1.0])
def test_a_median_that_is_no_duration_is_not_used(median: float) -> None:
    cost = goal(goal_type=GoalType.COST_REDUCTION)
    assert estimate_ms(cost, [step("a")], {"a": median}, CONFIG) == CONFIG.step_ms


def test_nothing_takes_no_time() -> None:
    assert estimate_ms(goal(), [], {}, CONFIG) == 0
