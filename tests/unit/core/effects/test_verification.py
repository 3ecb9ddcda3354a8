"""What an act did change: measured, not claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.effects.verification import Readiness, readiness, verify
from streams.records import Direction
from tests.kits.core.effects import MINUTE, NOW, expectation

SETTLED = NOW + 5 * MINUTE
numbers = st.floats(-1e9, 1e9, allow_subnormal=False)


def test_an_act_that_does_what_is_expected_helped() -> None:
    found = verify(expectation(), 71.0, SETTLED)
    assert (found.effect, found.helped, found.within, found.reward) == (-19.0, True, True, 1.0)


def test_a_handler_that_says_done_and_does_nothing_did_not_help() -> None:
    found = verify(expectation(), 90.5, SETTLED)
    assert (found.helped, found.within) == (False, False)
    assert found.reward == pytest.approx(-0.05)


def test_a_metric_that_was_about_to_fall_by_itself_proves_nothing() -> None:
    falling = [90.0 - 2 * step for step in range(10)]
    found = verify(expectation(falling), 82.0, SETTLED)
    assert found.change == -8.0
    assert (found.effect, found.helped, found.reward) == (0.0, False, 0.0)


def test_holding_back_a_rising_metric_helps_though_it_does_not_fall() -> None:
    rising = [90.0 + 4 * step for step in range(1, 11)]
    found = verify(expectation(rising), 90.0, SETTLED)
    assert (found.change, found.effect, found.helped) == (0.0, -20.0, True)
    assert found.reward == pytest.approx(20 / 50)


def test_an_act_before_the_breach_is_judged_by_what_it_was_for() -> None:
    later = [60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 100.0]
    found = verify(expectation(later, current=60.0), 60.0, SETTLED)
    assert found.reward == pytest.approx(20 / 20)


def test_an_act_that_makes_it_worse_did_not_help() -> None:
    found = verify(expectation(), 99.0, SETTLED)
    assert (found.helped, found.reward) == (False, pytest.approx(-0.9))


def test_within_the_noise_of_a_small_expected_effect_nothing_can_be_told() -> None:
    found = verify(expectation(half=10.0, effect=-1.0), 88.0, SETTLED)
    assert (found.helped, found.within) == (None, True)


def test_within_the_noise_and_better_than_expected_nothing_can_be_told() -> None:
    sure = expectation(half=10.0, effect=-1.0, learned=(-1.0, 0.01, 10_000))
    assert verify(sure, 85.0, SETTLED).helped is None


def test_within_the_noise_nothing_can_be_told_of_an_act_of_unknown_effect() -> None:
    found = verify(expectation(effect=None), 90.0, SETTLED)
    assert (found.helped, found.within) == (None, None)
    assert verify(expectation(effect=None), 80.0, SETTLED).helped is True


def test_without_a_forecast_the_nearer_of_all_and_nothing_decides() -> None:
    blind = expectation((), current=90.0)
    assert verify(blind, 72.0, SETTLED).helped is True
    assert verify(blind, 89.0, SETTLED).helped is False
    assert verify(expectation((), current=90.0, effect=None), 72.0, SETTLED).helped is None


def test_an_act_of_which_harm_was_expected_never_helped_by_doing_it() -> None:
    assert verify(expectation((), current=90.0, effect=20.0), 110.0, SETTLED).helped is False


def test_at_least_is_the_mirror_of_at_most() -> None:
    wanted = expectation(
        (10.0,) * 5, current=10.0, effect=5.0, direction=Direction.AT_LEAST, target_value=15.0
    )
    assert verify(wanted, 15.0, SETTLED).reward == 1.0
    assert verify(wanted, 15.0, SETTLED).helped is True
    assert verify(wanted, 10.0, SETTLED).helped is False


def test_a_target_to_reach_can_be_overshot() -> None:
    wanted = expectation(
        (10.0,) * 5, current=10.0, effect=10.0, direction=Direction.REACH, target_value=20.0
    )
    assert verify(wanted, 20.0, SETTLED).reward == 1.0
    assert verify(wanted, 25.0, SETTLED).reward == 0.5
    assert (verify(wanted, 40.0, SETTLED).helped, verify(wanted, 40.0, SETTLED).reward) == (
        False,
        -1.0,
    )


def test_an_act_for_nothing_earns_nothing_and_may_do_harm() -> None:
    needless = expectation((50.0,) * 10, current=50.0)
    assert verify(needless, 30.0, SETTLED).reward == 0.0
    assert verify(needless, 51.0, SETTLED).reward == -0.5
    blind = expectation((), current=50.0)
    assert (verify(blind, 30.0, SETTLED).reward, verify(blind, 51.0, SETTLED).reward) == (0.0, -1.0)


def test_a_value_measured_later_is_compared_with_the_forecast_for_later() -> None:
    rising = [91.0, 92.0, 93.0, 94.0, 95.0, 96.0, 97.0]
    assert verify(expectation(rising), 76.0, NOW + 6 * MINUTE).effect == -20.0
    jump = expectation([90.0] * 5 + [40.0] * 5, half=30.0)
    late = verify(jump, 38.0, NOW + 9 * MINUTE)
    assert (late.effect, late.helped) == (-2.0, None)


@pytest.mark.parametrize(
    ("now", "measured_at", "expected"),
    [
        (SETTLED - 1, SETTLED - 1, Readiness.WAIT),
        (SETTLED, SETTLED, Readiness.MEASURE),
        (SETTLED + MINUTE, SETTLED - 1, Readiness.WAIT),
        (SETTLED + 10 * MINUTE, SETTLED - 1, Readiness.GIVE_UP),
        (SETTLED + 10 * MINUTE, None, Readiness.GIVE_UP),
        (SETTLED + 10 * MINUTE, SETTLED + 1, Readiness.MEASURE),
    ],
)
def test_only_a_value_from_after_the_settle_time_shows_an_effect(
    now: int, measured_at: int | None, expected: Readiness
) -> None:
    assert readiness(expectation(), now, measured_at, 10 * MINUTE) is expected


@given(
    st.lists(numbers, max_size=5),
    st.floats(0, 1e6),
    st.none() | numbers,
    numbers,
    numbers,
    st.sampled_from(Direction),
    numbers,
)
def test_rewards_are_bounded_and_agree_with_the_verdict(
    path: list[float],
    half: float,
    effect: float | None,
    current: float,
    actual: float,
    direction: Direction,
    target: float,
) -> None:
    wanted = expectation(
        path, half=half, effect=effect, current=current, direction=direction, target_value=target
    )
    found = verify(wanted, actual, SETTLED)
    assert -1 <= found.reward <= 1
    assert found == verify(wanted, actual, SETTLED)
    if found.helped:
        assert found.reward >= 0


@given(st.floats(-1.99, 1.99), st.floats(-40, -8))
def test_whoever_does_nothing_never_helped(noise: float, declared: float) -> None:
    assert verify(expectation(effect=declared), 90.0 + noise, SETTLED).helped is not True
