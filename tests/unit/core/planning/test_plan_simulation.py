"""Candidates tried on the forecast."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.planning.plan import PlanCandidate
from streams.core.planning.simulate import rank
from streams.records import Direction
from tests.kits.core.planning import goal, proposal

RAMP = [84.0, 88.0, 92.0, 96.0]
WEAK = proposal("tune", effect=-4.0)
STRONG = proposal("scale", effect=-20.0, cost=9.0)
UNKNOWN = proposal("try")


def order(*candidates: PlanCandidate, **fields: Any) -> list[str]:
    return [each.proposal.name for each in rank(candidates, RAMP, goal(), **fields)]


@pytest.mark.spec("S1-193")
def test_the_plan_with_the_better_forecast_ranks_first() -> None:
    assert order(WEAK, UNKNOWN, STRONG) == ["scale", "tune", "try"]
    strong, weak, unknown = rank([WEAK, UNKNOWN, STRONG], RAMP, goal())
    assert (strong.shortfall, strong.gain) == (0.0, 1.0)
    assert weak.shortfall == pytest.approx((0 + 4 + 8 + 12) / 4)
    assert weak.gain == pytest.approx(1 - 6 / 10)
    assert (unknown.effect, unknown.shortfall, unknown.gain) == (None, 10.0, 0.0)


def test_what_was_learned_stands_in_place_of_what_was_declared() -> None:
    assert order(WEAK, STRONG, learned={"scale": 5.0, "tune": -4.5}) == ["tune", "scale"]


def test_an_effect_sets_in_after_its_delay() -> None:
    [late] = rank([STRONG], RAMP, goal(), delay_steps=3)
    assert late.shortfall == pytest.approx((4 + 8 + 12) / 4)
    [gap] = rank([STRONG], [84.0, math.nan, 92.0], goal(), delay_steps=2)
    assert gap.shortfall == pytest.approx(4 / 2)
    [never] = rank([STRONG], RAMP, goal(), delay_steps=9)
    assert never.gain == 0.0


def test_too_much_is_worse_where_the_target_is_to_be_reached() -> None:
    exact = goal(direction=Direction.REACH, target_value=80.0)
    [best, _] = rank([STRONG, proposal("bit", effect=-10.0)], [90.0], exact)
    assert best.proposal.name == "bit"
    [most] = rank([proposal("flood", effect=-90.0)], [90.0], exact)
    assert most.gain == -1.0


def test_equal_forecasts_are_told_apart_by_cost_then_by_name() -> None:
    cheap = proposal("z", effect=-30.0, cost=1.0)
    assert order(STRONG, cheap, proposal("a", effect=-30.0, cost=9.0)) == ["z", "a", "scale"]


def test_without_a_forecast_the_metric_stays_as_it_is() -> None:
    [only] = rank([WEAK], [math.nan], goal(current_value=90.0), delay_steps=2)
    assert only.shortfall == 6.0
    [nothing] = rank([WEAK], [], goal(current_value=None))
    assert (nothing.shortfall, nothing.gain) == (0.0, 0.0)


def test_harm_where_all_was_well_is_a_full_loss() -> None:
    [harm] = rank([proposal("harm", effect=50.0)], [60.0], goal())
    assert harm.gain == -1.0
    [harmless] = rank([proposal("mild", effect=5.0)], [60.0], goal())
    assert harmless.gain == 0.0


EFFECTS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
CANDIDATES = st.lists(EFFECTS, max_size=5).map(
    lambda effects: [proposal(f"a{index}", effect=each) for index, each in enumerate(effects)]
)


@given(CANDIDATES, st.lists(st.floats(), max_size=6), st.sampled_from(Direction))
def test_the_ranking_is_total_and_the_same_for_any_order(
    candidates: list[PlanCandidate], path: list[float], direction: Direction
) -> None:
    ranked = rank(candidates, path, goal(direction=direction))
    assert rank(candidates[::-1], path, goal(direction=direction)) == ranked
    assert len(ranked) == len(candidates)
    for each in ranked:
        assert math.isfinite(each.shortfall)
        assert -1 <= each.gain <= 1
    shortfalls = [each.shortfall for each in ranked]
    assert shortfalls == sorted(shortfalls)
