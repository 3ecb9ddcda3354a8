"""What an act is expected to change, and what would be without it."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.effects.config import EffectsConfig
from streams.core.effects.counterfactual import counterfactual
from streams.core.effects.expectation import (
    Expectation,
    acted,
    bound,
    expect,
    settle_ms,
)
from streams.errors import ConfigError
from streams.records import Direction
from tests.kits.core.effects import (
    MINUTE,
    NOW,
    expectation,
    forecast,
    goal,
    plan,
    proposal,
)

numbers = st.floats(-1e9, 1e9, allow_subnormal=False)
RISING = [float(91 + step) for step in range(10)]


def test_the_untouched_value_is_that_of_the_forecast_at_the_settle_time() -> None:
    found = expectation(RISING, half=2.0, settle_ms=5 * MINUTE)
    assert (found.counterfactual_mean, found.counterfactual_lower, found.counterfactual_upper) == (
        95.0,
        93.0,
        97.0,
    )
    assert (found.made_at, found.settle_at, found.before) == (NOW, NOW + 5 * MINUTE, 90.0)


def test_between_two_steps_the_forecast_is_linear() -> None:
    band = counterfactual(NOW, 90.0, forecast(RISING), 48).at(NOW + 150_000)
    assert band.mean == pytest.approx(92.5)


def test_before_the_first_step_its_interval_holds() -> None:
    band = counterfactual(NOW, 90.0, forecast(RISING), 48).at(NOW + 1)
    assert (band.mean, band.lower, band.upper) == (91.0, 89.0, 93.0)


def test_behind_the_last_step_the_interval_widens_with_the_root_of_the_time() -> None:
    band = counterfactual(NOW, 90.0, forecast([90.0] * 4), 48).at(NOW + 16 * MINUTE)
    assert (band.mean, band.lower, band.upper) == (90.0, 86.0, 94.0)


def test_steps_of_unknown_length_count_as_one() -> None:
    band = counterfactual(NOW, 90.0, forecast(RISING, step_ms=0), 48).at(NOW + 100 * MINUTE)
    assert band.mean == 91.0


def test_without_a_forecast_the_metric_is_expected_to_stay_without_an_interval() -> None:
    found = expectation((), current=70.0)
    assert found.counterfactual_mean == 70.0
    assert (found.counterfactual_lower, found.counterfactual_upper) == (None, None)


def test_a_forecast_that_is_not_finite_is_none() -> None:
    assert counterfactual(NOW, 70.0, forecast([math.nan]), 48).mean == []
    assert counterfactual(NOW, 70.0, forecast([]), 48).mean == []


def test_no_more_steps_are_kept_than_asked_for() -> None:
    assert len(counterfactual(NOW, 0.0, forecast([1.0] * 100), 48).mean) == 48


def test_a_declared_effect_is_expected_until_something_was_measured() -> None:
    found = expectation(effect=-20.0)
    assert found.effect == -20.0
    assert found.effect_lower is not None
    assert found.effect_upper is not None
    assert found.effect_lower < -20.0 < found.effect_upper < 0


def test_three_measured_effects_count_as_much_as_the_declared_one() -> None:
    assert expectation(effect=-20.0, learned=(-10.0, 1.0, 3)).effect == pytest.approx(-15.0)


def test_what_was_measured_often_outweighs_what_was_declared() -> None:
    found = expectation(effect=-20.0, learned=(-10.0, 1.0, 3000))
    assert found.effect == pytest.approx(-10.0, abs=0.02)
    assert found.effect_lower is not None
    assert found.effect_upper is not None
    assert found.effect_upper - found.effect_lower == pytest.approx(2 * 1.645, rel=0.1)


def test_only_what_was_measured_counts_where_nothing_is_declared() -> None:
    assert expectation(effect=None, learned=(-7.0, 1.0, 1)).effect == -7.0


def test_nothing_known_is_no_expectation() -> None:
    found = expectation(effect=None)
    assert (found.effect, found.effect_lower, found.effect_upper) == (None, None, None)


def test_a_noisy_metric_has_a_wider_expected_effect() -> None:
    calm, noisy = expectation(half=1.0), expectation(half=20.0)
    assert calm.effect_upper is not None
    assert noisy.effect_upper is not None
    assert calm.effect_upper < noisy.effect_upper


def test_what_is_needed_is_the_largest_distance_in_sight() -> None:
    assert expectation(RISING).needed == 20.0
    assert expectation((50.0,), current=95.0).needed == 15.0
    assert expectation((50.0,), current=50.0).needed == 0.0
    assert expectation((60.0,), current=50.0, direction=Direction.REACH).needed == 30.0


def test_the_expectation_knows_its_plan_and_decision() -> None:
    found = bound(expectation(), "p-1", "d-1", {"hour": 3.0})
    assert (found.plan_id, found.decision_id, found.context) == ("p-1", "d-1", {"hour": 3.0})
    assert (found.goal_id, found.correlation_id) == ("g-1", "why")


def test_an_act_that_ends_late_is_measured_late_against_the_forecast_from_before() -> None:
    found = acted(expectation(RISING), NOW + MINUTE, NOW + 3 * MINUTE, 5 * MINUTE)
    assert (found.acted_at, found.settle_at) == (NOW + MINUTE, NOW + 8 * MINUTE)
    assert found.counterfactual_mean == 98.0
    assert found.effect == -20.0


def test_some_metrics_settle_later_than_others() -> None:
    config = EffectsConfig(settle_ms=1000, settle_by_metric={"cpu": 9000})
    assert settle_ms(config, plan()) == 9000
    assert settle_ms(config, plan(expected_metric="queue")) == 1000


def test_a_stored_expectation_is_the_same_again() -> None:
    found = bound(expectation(RISING), "p-1", "d-1", {"hour": 3.0})
    stored = msgspec.msgpack.encode(found)
    assert msgspec.msgpack.decode(stored, type=Expectation) == found
    assert msgspec.msgpack.encode(msgspec.msgpack.decode(stored, type=Expectation)) == stored


@given(
    st.lists(numbers, min_size=0, max_size=6),
    numbers,
    st.none() | numbers,
    st.none() | st.tuples(numbers, st.floats(0, 1e9), st.integers(1, 100)),
    st.sampled_from(Direction),
    st.integers(0, 10**9),
)
def test_the_numbers_are_finite_and_in_order(
    path: list[float],
    current: float,
    effect: float | None,
    learned: tuple[float, float, int] | None,
    direction: Direction,
    settle: int,
) -> None:
    found = expect(
        goal(direction=direction),
        proposal(effect),
        now=NOW,
        settle_ms=settle,
        forecast=forecast(path) if path else None,
        learned=learned,
        current=current,
    )
    assert found.needed >= 0
    assert found.settle_at == NOW + settle
    if found.effect is not None:
        assert found.effect_lower is not None
        assert found.effect_upper is not None
        assert found.effect_lower <= found.effect <= found.effect_upper
    if found.counterfactual_lower is not None and found.counterfactual_upper is not None:
        assert found.counterfactual_lower <= found.counterfactual_mean <= found.counterfactual_upper
    assert b"nan" not in msgspec.json.encode(found)


@pytest.mark.parametrize(
    "fields",
    [
        {"settle_ms": -1},
        {"settle_by_metric": {"cpu": -1}},
        {"patience_ms": 0},
        {"level": 1.0},
        {"prior_samples": 0.0},
        {"prior_spread": -0.5},
        {"prior_spread": math.inf},
        {"path_steps": 0},
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        EffectsConfig(**fields)  # type: ignore[arg-type]  # fields by name
    assert str(caught.value).count(next(iter(fields)))
