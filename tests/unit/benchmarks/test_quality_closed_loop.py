"""Units that follow a demand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.closed_loop import (
    CAUTION,
    CAUTIONS,
    DELAY,
    LOOKAHEAD,
    Cost,
    Loop,
    Trace,
    at_cost,
    curve,
    hpa,
    name_of,
    oracle,
    static_peak,
    steered,
    summary,
    trace,
)

demands = st.lists(st.integers(0, 100), min_size=20, max_size=80).filter(
    lambda values: min(values) < max(values)
)


def trace_of(values: list[float]) -> Trace:
    found = trace(np.array(values, float), 8)
    assert found is not None
    return found


def step_up(length: int = 60, at: int = 30) -> list[float]:
    return [6.0] * at + [18.0] * (length - at)


def test_twenty_units_carry_the_mean_at_sixty_percent() -> None:
    on = trace_of(step_up())
    assert 20 * on.unit * 0.6 == pytest.approx(np.mean(step_up()))


@pytest.mark.parametrize("values", [[5.0] * 30, [*[1.0] * 29, -0.1]])
def test_what_is_no_demand(values: list[float]) -> None:
    assert trace(np.array(values), 8) is None


def test_units_serve_late_and_are_paid_at_once() -> None:
    on = trace_of(step_up())
    need = int(on.needed(np.array([18.0]))[0])
    low = int(on.needed(np.array([6.0]))[0])
    for asked_at, violations in ((30 - DELAY, 0), (30, DELAY), (29, DELAY - 1)):
        asked = np.array([low] * asked_at + [need] * (60 - asked_at))
        found = on.cost(asked)
        assert found.violations * 52 == pytest.approx(violations)
        paid = [low] * (asked_at + 1) + [need] * (59 - asked_at)
        assert found.units == pytest.approx(np.mean(paid[8:]))


def test_units_given_up_are_gone_at_once() -> None:
    on = trace_of([6.0] * 30 + [18.0] * 30)
    asked = np.full(60, int(on.needed(np.array([18.0]))[0]))
    assert on.cost(asked).violations == 0
    asked[45] -= 1  # asked for again right after: serves DELAY steps later
    assert on.cost(asked).violations * 52 == pytest.approx(DELAY)


@given(demands)
def test_the_oracle_never_violates_and_nothing_cheaper_does_not(values: list[float]) -> None:
    on = trace_of(values)
    found = oracle(on)
    assert found.violations == 0
    assert found.units <= static_peak(on).units
    assert static_peak(on).violations == 0


@given(demands, st.floats(0.25, 0.9))
def test_the_kubernetes_rule(values: list[float], target: float) -> None:
    on = trace_of(values)
    asked = hpa(on, target).tolist()
    units = max(1, math.ceil(on.demand[0] / (on.unit * target)))
    for step, (demand, now) in enumerate(zip(on.demand.tolist(), asked, strict=True)):
        load = demand / (units * on.unit) / target
        assert now <= 2 * units
        if abs(load - 1) <= 0.1:
            assert now >= units
        if now < units:
            recent = on.demand[max(step - 4, 0) : step + 1]
            assert all(value / (units * on.unit) / target < 0.9 for value in recent[-1:])
        assert now >= 1
        units = now


def test_fewer_units_only_after_the_stabilisation() -> None:
    on = trace_of([18.0] * 20 + [6.0] * 20)
    asked = hpa(on, 0.6)
    assert asked[19] == asked[23] > asked[24]


def test_a_lower_target_costs_more_and_violates_less() -> None:
    noise = np.random.default_rng(5).gamma(4, 10, 400)
    costs = curve(trace_of(noise.tolist()))
    assert costs[0].units > 2 * costs[-1].units
    assert costs[0].violations < costs[-1].violations


def test_the_curve_is_read_at_a_cost() -> None:
    costs = [Cost(30, 0.1), Cost(10, 0.5), Cost(20, 0.2)]
    assert [at_cost(costs, units) for units in (5, 10, 15, 25, 40)] == pytest.approx(
        [0.5, 0.5, 0.35, 0.15, 0.1]
    )


def test_perfect_forecasts_do_not_violate_and_caution_costs() -> None:
    values = (50 + 30 * np.sin(np.arange(300) / 15)).tolist()
    on = trace_of(values)
    ahead = np.array([[*values[at + 1 : at + 7], *values[-6:]][:LOOKAHEAD] for at in range(300)])
    sure = steered(on, ahead, ahead, CAUTION)
    unsure = [steered(on, ahead, ahead + 5, caution).units for caution in CAUTIONS]
    assert sure.violations == 0
    assert sure.units < unsure[0]
    assert unsure == sorted(unsure)


def test_ratios_by_trace_and_overall() -> None:
    def loop(ours: float, theirs: float) -> Loop:
        return Loop((Cost(20, ours),) * len(CAUTIONS), (theirs,) * len(CAUTIONS))

    found = summary([loop(0.1, 0.2), loop(0.0, 0.0), loop(0.3, 0.2)])
    assert found.over_hpa[name_of(CAUTION)] == 1.0
    assert found.over_hpa_overall[name_of(CAUTION)] == pytest.approx(1.0)
    assert (found.traces, found.units) == (3, 20)
    assert summary([loop(0.1, 0.0)]).over_hpa[name_of(CAUTION)] == math.inf
    assert summary([]).over_hpa == {}
