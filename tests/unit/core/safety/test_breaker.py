from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.safety.breaker import BreakerStatus, begin_trial, note_verification, status
from streams.core.safety.config import SafetyConfig
from streams.core.safety.state import SafetyState
from tests.kits.core.safety import CONFIG, HOUR, MINUTE, NOW


def verified(*helped: bool | None) -> SafetyState:
    state = SafetyState()
    for each in helped:
        note_verification(state, each, NOW, CONFIG)
    return state


def on_trial() -> SafetyState:
    state = verified(False, False, False)
    begin_trial(state, CONFIG, NOW + HOUR)
    return state


def test_it_opens_at_the_third_act_that_did_not_help() -> None:
    assert status(verified(False, False), NOW) is BreakerStatus.CLOSED
    state = verified(False, True, False, None, False)
    assert status(state, NOW) is BreakerStatus.OPEN
    assert state.breaker_open_until == NOW + HOUR


def test_what_helped_pushes_old_failures_out() -> None:
    assert status(verified(False, False, *[True] * 9, False), NOW) is BreakerStatus.CLOSED


def test_what_cannot_be_told_counts_for_nothing() -> None:
    assert verified(*[None] * 20) == SafetyState()


def test_it_lets_one_act_through_after_a_while() -> None:
    state = verified(False, False, False)
    assert status(state, NOW + HOUR - 1) is BreakerStatus.OPEN
    assert status(state, NOW + HOUR) is BreakerStatus.HALF_OPEN
    begin_trial(state, CONFIG, NOW + HOUR)
    assert status(state, NOW + HOUR) is BreakerStatus.OPEN


@pytest.mark.parametrize(
    ("helped", "then"),
    [
        (True, BreakerStatus.CLOSED),
        (False, BreakerStatus.OPEN),
        (None, BreakerStatus.HALF_OPEN),
    ],
)
def test_the_trial_decides(helped: bool | None, then: BreakerStatus) -> None:
    state = on_trial()
    end = NOW + HOUR + 5 * MINUTE
    note_verification(state, helped, end, CONFIG)
    assert status(state, end) is then
    assert not state.on_trial


def test_a_trial_without_an_end_blocks_no_longer_than_the_breaker() -> None:
    state = on_trial()
    assert status(state, NOW + 2 * HOUR - 1) is BreakerStatus.OPEN
    assert status(state, NOW + 2 * HOUR) is BreakerStatus.HALF_OPEN


def test_acts_of_before_neither_close_nor_prolong_it() -> None:
    state = verified(False, False, False)
    for helped in (True, False, None):
        note_verification(state, helped, NOW + MINUTE, CONFIG)
    assert state.breaker_open_until == NOW + HOUR


def test_a_closed_breaker_knows_no_trial() -> None:
    state = SafetyState()
    begin_trial(state, CONFIG, NOW)
    assert state == SafetyState()


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([True, False, None])), max_size=60),
    st.integers(1, 4),
)
def test_it_closes_only_by_an_act_that_helped(
    moves: list[tuple[bool, bool | None]], failures: int
) -> None:
    config = SafetyConfig(breaker_failures=failures, breaker_of=5)
    state = SafetyState()
    for index, (begins, helped) in enumerate(moves):
        now = NOW + index * 20 * MINUTE
        was_closed = state.breaker_open_until is None
        if begins:
            begin_trial(state, config, now)
        note_verification(state, helped, now, config)
        assert len(state.verdicts) <= 5
        assert state.verdicts.count(False) < failures
        assert not (state.on_trial and state.breaker_open_until is None)
        if not was_closed and state.breaker_open_until is None:
            assert helped
