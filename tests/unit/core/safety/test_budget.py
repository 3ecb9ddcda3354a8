from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.safety.budget import note_start, share_of_scale, usage
from streams.core.safety.config import SafetyConfig
from streams.core.safety.gate import GateDecision
from streams.core.safety.state import SafetyState
from tests.kits.core.safety import CONFIG, HOUR, MINUTE, NOW, goal, verdict


def note(state: SafetyState, plan_id: str, now: int, target: str = "cpu") -> None:
    note_start(state, target=target, change=10, scale=100, plan_id=plan_id, now=now, config=CONFIG)


def test_acts_leave_the_window_they_are_counted_in() -> None:
    state = SafetyState()
    note(state, "p-1", NOW)
    note(state, "p-2", NOW + MINUTE)
    assert usage(state, CONFIG, NOW + MINUTE) == (2, 6, None)
    assert usage(state, CONFIG, NOW + HOUR) == (1, 6, None)


def test_a_plan_is_counted_once() -> None:
    state = SafetyState()
    note(state, "p-1", NOW)
    note(state, "p-1", NOW + MINUTE)
    assert usage(state, CONFIG, NOW + MINUTE).used == 1


@pytest.mark.parametrize(
    ("change", "scale", "share"),
    [
        (-20.0, 80.0, 0.25),
        (20.0, -80.0, 0.25),
        (0.0, 80.0, 0.0),
        (None, 80.0, None),
        (20.0, None, None),
        (20.0, 0.0, None),
        (float("nan"), 80.0, None),
        (1e308, 1e-308, None),
    ],
)
def test_the_size_of_a_change_is_a_share_of_the_scale(
    change: float | None, scale: float | None, share: float | None
) -> None:
    assert share_of_scale(change, scale) == share


class Ask(NamedTuple):
    at: int
    target: str
    change: float


@st.composite
def askings(draw: st.DrawFn) -> list[Ask]:
    rests = draw(st.lists(st.integers(0, 20 * MINUTE), max_size=60))
    now, made = NOW, list[Ask]()
    for rest in rests:
        now += rest
        target = draw(st.sampled_from(["cpu", "memory"]))
        made.append(Ask(now, target, draw(st.floats(0, 0.5))))
    return made


@given(askings(), st.integers(1, 8), st.integers(0, 30 * MINUTE))
def test_whatever_is_asked_no_window_holds_more_than_permitted(
    asked: list[Ask], limit: int, cooldown_ms: int
) -> None:
    config = SafetyConfig(acts_per_window=limit, cooldown_ms=cooldown_ms)
    state, begun = SafetyState(), list[Ask]()
    for index, ask in enumerate(asked):
        answer = verdict(
            state,
            config=config,
            now=ask.at,
            goal=goal(target_metric=ask.target),
            expected_change=ask.change,
            scale=1.0,
        )
        if answer.decision is not GateDecision.ALLOW:
            continue
        begun.append(ask)
        note_start(
            state,
            target=ask.target,
            change=ask.change,
            scale=1.0,
            plan_id=f"p-{index}",
            now=ask.at,
            config=config,
        )
        assert len(state.acts) <= limit
        assert len(state.last_starts) <= 2
    for ask in begun:
        window = [each for each in begun if ask.at - HOUR < each.at <= ask.at]
        assert len(window) <= limit
        mine = [each for each in window if each.target == ask.target]
        assert sum(each.change for each in mine) <= config.max_window_change + 1e-9
        moments = [each.at for each in begun if each.target == ask.target]
        rests = [later - earlier for earlier, later in pairwise(moments)]
        assert all(rest >= cooldown_ms for rest in rests)


@given(askings())
def test_an_answer_of_later_holds_until_its_moment(asked: list[Ask]) -> None:
    state = SafetyState()
    for index, ask in enumerate(asked):
        note(state, f"p-{index}", ask.at, ask.target)
    answer = verdict(state, now=asked[-1].at if asked else NOW)
    if answer.until is not None:
        before = verdict(state, now=answer.until - 1)
        assert (before.decision, before.until) == (GateDecision.LATER, answer.until)
        assert verdict(state, now=answer.until).check != answer.check


@given(askings())
def test_the_state_survives_being_stored(asked: list[Ask]) -> None:
    state = SafetyState()
    for index, ask in enumerate(asked):
        note(state, f"p-{index}", ask.at, ask.target)
    data = msgspec.msgpack.encode(state)
    read = msgspec.msgpack.decode(data, type=SafetyState)
    assert read == state
    assert msgspec.msgpack.encode(read) == data
