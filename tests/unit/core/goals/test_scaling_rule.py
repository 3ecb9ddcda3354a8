"""Capacity that follows a demand."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.goal_rules.scaling import ScalingRule, scaling
from streams.core.goal_rules.situation import Reading, Situation
from streams.core.kernel.model_results import SeriesForecast
from streams.errors import ConfigError
from streams.records import CauseKind, Direction, Goal, GoalOrigin, GoalType, Priority

NOW = 1_700_000_000_000
STEP_MS = 300_000
RULE = ScalingRule("units", unit_capacity=10.0)
"""8 of demand a unit."""
steps = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)), min_size=1, max_size=12)


def forecast(
    *mean: float, deviation: float = 0.0, level: float = 0.8, step_ms: int = STEP_MS
) -> SeriesForecast:
    means = np.array(mean, np.float64)
    margin = deviation * NormalDist().inv_cdf(0.5 + level / 2)
    return SeriesForecast(
        "test", (), step_ms, means, means - margin, means + margin, level, 1.0, 0.8, 0.8, 100
    )


def situation(
    ahead: SeriesForecast | None,
    units: float | None = 5.0,
    demand: float | None = 30.0,
    needs: dict[str, list[int]] | None = None,
) -> Situation:
    values = {"units": units, "demand": demand}
    return Situation(
        entity_id="shop",
        entity_type="service",
        now=NOW,
        correlation_id="c",
        readings={name: Reading(value, 0) for name, value in values.items() if value is not None},
        forecasts={} if ahead is None else {"demand": ahead},
        needs={} if needs is None else needs,
    )


def goals(ahead: SeriesForecast | None, rule: ScalingRule = RULE, **fields: object) -> list[Goal]:
    return scaling(situation(ahead, **fields), {"demand": rule})  # type: ignore[arg-type]  # by name


def test_more_units_than_there_are_is_urgent() -> None:
    (goal,) = goals(forecast(50, 60, 72, 40))
    assert goal.goal_type is GoalType.CAPACITY_PLANNING
    assert goal.priority is Priority.CRITICAL
    assert (goal.target_metric, goal.direction) == ("units", Direction.AT_LEAST)
    assert goal.target_value == 9
    assert goal.origin is GoalOrigin.AUTONOMOUS
    assert goal.actions == ("scale_to",)
    assert goal.correlation_id == "c"


def test_fewer_units_only_save() -> None:
    (goal,) = goals(forecast(10, 12, 11))
    assert goal.goal_type is GoalType.COST_REDUCTION
    assert goal.priority is Priority.MEDIUM
    assert (goal.target_value, goal.direction) == (2, Direction.AT_MOST)


def test_nothing_is_wanted_when_the_units_are_right() -> None:
    assert goals(forecast(40)) == []


def test_the_cause_has_the_numbers() -> None:
    (goal,) = goals(forecast(50, 72))
    assert goal.cause_kind is CauseKind.RULE
    assert goal.cause_id == "scaling:demand"
    assert goal.cause_numbers == {
        "predicted_peak": 72.0,
        "needed": 9.0,
        "wanted": 9.0,
        "current": 5.0,
        "unit_capacity": 10.0,
        "demand": 30.0,
    }


def test_the_goal_is_due_some_steps_ahead_and_need_not_hold() -> None:
    (goal,) = goals(forecast(72))
    assert goal.deadline == NOW + RULE.lookahead * STEP_MS
    assert goal.hold_ms == 0
    (timeless,) = goals(forecast(72, step_ms=0))
    assert timeless.deadline == NOW + 60_000


def test_one_key_for_each_kind_of_goal() -> None:
    (more,) = goals(forecast(72))
    (still_more,) = goals(forecast(100), demand=44.0)
    (fewer,) = goals(forecast(10))
    assert more.dedupe_key == still_more.dedupe_key == "shop|capacity_planning|units"
    assert fewer.dedupe_key == "shop|cost_reduction|units"


def test_only_the_lookahead_is_planned_for() -> None:
    ahead = forecast(40, 40, 40, 800)
    assert goals(ahead, replace(RULE, lookahead=3)) == []
    (goal,) = goals(ahead, replace(RULE, lookahead=4))
    assert goal.target_value == 100


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_caution_counts_deviations_whatever_the_level(level: float) -> None:
    ahead = forecast(40, deviation=8, level=level)
    found = [RULE.units_for(replace(RULE, caution=caution).peak(ahead)) for caution in (0, 1, 2.5)]
    assert found == [5, 6, 8]


def test_the_default_plans_for_the_ninetieth_percentile() -> None:
    ahead = forecast(40, 50, deviation=10)
    assert RULE.peak(ahead) == pytest.approx(float(ahead.upper[1]), rel=1e-4)


def test_the_largest_of_the_latest_needs_is_kept() -> None:
    needs: dict[str, list[int]] = {}
    wanted = []
    for demand in (80, 40, 32, 24, 40):
        found = goals(forecast(demand), units=0.0, needs=needs)
        wanted.append(found[0].target_value)
    assert wanted == [10, 10, 10, 5, 5]
    assert needs == {"demand": [4, 3, 5]}


def test_the_needs_are_noted_without_a_reading_of_the_units() -> None:
    needs = {"demand": [7]}
    assert goals(forecast(80), units=None, needs=needs) == []
    assert needs == {"demand": [7, 10]}


def test_a_demand_that_was_not_analysed_is_left_alone() -> None:
    needs = {"demand": [7]}
    assert goals(None, needs=needs) == []
    assert goals(forecast(), needs=needs) == []
    assert goals(forecast(float("nan")), needs=needs) == []
    assert needs == {"demand": [7]}


def test_without_a_reading_of_the_demand_the_goal_says_so() -> None:
    (goal,) = goals(forecast(72), demand=None)
    assert "demand" not in goal.cause_numbers


def test_bounds_of_the_units() -> None:
    bounded = replace(RULE, min_units=3, max_units=8)
    assert [bounded.units_for(demand) for demand in (-5, 0, 24, 32, 64, 65, 1e9)] == [
        3, 3, 3, 4, 8, 8, 8,
    ]  # fmt: skip
    assert RULE.units_for(0) == 1


@given(st.floats(0, 1e9), st.floats(0.01, 1e4), st.floats(0.05, 1))
def test_units_carry_their_demand_and_one_less_would_not(
    demand: float, capacity: float, utilisation: float
) -> None:
    rule = ScalingRule("units", capacity, utilisation=utilisation)
    units, each = rule.units_for(demand), capacity * utilisation
    assert demand <= units * each * (1 + 1e-6)
    assert units == 1 or demand > (units - 1) * each * (1 - 1e-6)


@given(steps, st.floats(0, 3), st.floats(0, 3))
def test_more_caution_never_plans_for_less(
    each: list[tuple[float, float]], caution: float, more: float
) -> None:
    mean = np.array([step[0] for step in each])
    margin = np.array([step[1] for step in each])
    ahead = replace(forecast(*mean), lower=mean - margin, upper=mean + margin)
    peaks = [replace(RULE, caution=c).peak(ahead) for c in (caution, caution + more)]
    assert peaks == sorted(peaks)
    assert peaks[0] >= mean[: RULE.lookahead].max()


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20), st.integers(1, 5))
def test_the_latest_needs_stay_bounded_and_give_the_largest(
    demands: list[float], hold: int
) -> None:
    needs: dict[str, list[int]] = {}
    rule = replace(RULE, hold=hold)
    for demand in demands:
        found = goals(forecast(demand), rule, units=0.0, needs=needs)
        assert found[0].target_value == max(needs["demand"])
    assert needs["demand"] == [rule.units_for(demand) for demand in demands[-hold:]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("capacity_metric", ""),
        ("unit_capacity", 0.0),
        ("unit_capacity", float("inf")),
        ("utilisation", 0.0),
        ("utilisation", 1.5),
        ("caution", -0.1),
        ("caution", float("nan")),
        ("lookahead", 0),
        ("hold", 0),
        ("min_units", -1),
        ("max_units", 0),
    ],
)
def test_what_no_rule_can_have(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(RULE, **{name: value})  # type: ignore[arg-type]  # any field
    assert caught.value.field == f"setting.scaling.*.{name}"
