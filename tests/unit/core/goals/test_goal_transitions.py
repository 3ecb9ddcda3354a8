"""Moves that plans bring about, by the states of a goal."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.goals.measurement import attempted, begin, cancel, fail, release
from streams.records import Goal, GoalStatus
from tests.kits.core.goals import HOUR, NOW, admitted, changed

give_up = partial(fail, "no plan helped")


@pytest.mark.parametrize(
    ("move", "allowed"),
    [
        (begin, {GoalStatus.ACTIVE: GoalStatus.IN_PROGRESS}),
        (release, {GoalStatus.IN_PROGRESS: GoalStatus.ACTIVE}),
        (
            attempted,
            {
                GoalStatus.ACTIVE: GoalStatus.ACTIVE,
                GoalStatus.IN_PROGRESS: GoalStatus.IN_PROGRESS,
            },
        ),
        (
            give_up,
            {GoalStatus.ACTIVE: GoalStatus.FAILED, GoalStatus.IN_PROGRESS: GoalStatus.FAILED},
        ),
    ],
)
def test_moves_by_state(move: object, allowed: dict[GoalStatus, GoalStatus]) -> None:
    for status in GoalStatus:
        before = changed(admitted(), status=status)
        after = move(before, NOW + HOUR)
        assert (after.status if after else None) == allowed.get(status)
        if after:
            assert (after.revision, after.timestamp) == (before.revision + 1, NOW + HOUR)


def test_attempts_are_counted() -> None:
    goal = admitted()
    for _ in range(3):
        running = begin(goal, NOW)
        assert running is not None
        released = release(running, NOW)
        assert released is not None
        goal = released
    assert goal.attempts == 3
    counted = attempted(goal, NOW)
    assert counted is not None
    assert counted.attempts == 4


def test_giving_up_says_why() -> None:
    failed = give_up(admitted(), NOW)
    assert failed is not None
    assert (failed.close_reason, failed.closed_at) == ("no plan helped", NOW)


@given(st.lists(st.sampled_from([begin, release, attempted, give_up]), max_size=12))
def test_any_order_of_moves_keeps_time_revisions_and_ends(moves: list[object]) -> None:
    goal: Goal = admitted()
    for number, move in enumerate(moves):
        after = move(goal, NOW + number)
        if after is None:
            continue
        assert goal.status.is_open
        assert after.revision == goal.revision + 1
        assert after.timestamp >= goal.timestamp
        assert after.attempts - goal.attempts in (0, 1)
        assert (after.closed_at is None) == after.status.is_open
        goal = after
    assert cancel(goal, "", NOW).status in set(GoalStatus) - {GoalStatus.ACTIVE}
