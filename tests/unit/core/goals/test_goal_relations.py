"""Dependencies, parents and parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.goals.admission import Refusal, RefusalReason, admit
from streams.core.goals.measurement import CloseReason, cancel, close
from streams.core.goals.relations import (
    MOST_RELATED,
    blocked_by,
    is_parent,
    is_referred_to,
    parts,
    ready,
    roll_up,
)
from streams.core.goals.state import Goals
from streams.records import Goal, GoalStatus
from tests.kits.core.goals import CONFIG, NOW, admitted, changed, goal, keep, state


def named(name: str, **fields: Any) -> Goal:
    return admitted(goal_id=name, target_metric=f"of-{name}", **fields)


def linked(name: str, **fields: Any) -> Goal:
    """An open goal with relations that were checked before."""
    return changed(named(name), **fields)


def fault(request: Goal, entity: Goals) -> str:
    result = admit(request, entity, None, NOW, CONFIG)
    assert isinstance(result, Refusal)
    assert result.reason is RefusalReason.RELATION
    return result.text


def achieved(which: Goal) -> Goal:
    return close(which, GoalStatus.ACHIEVED, CloseReason.MET, NOW)


def test_a_goal_is_ready_when_its_dependencies_are_achieved() -> None:
    first, second = named("a"), linked("b", dependencies=("a",))
    assert blocked_by(second, state(first, second)) == ("a",)
    assert not ready(second, state(first, second))
    assert not ready(second, state(cancel(first, "", NOW), second))
    assert ready(second, state(achieved(first), second))
    assert ready(first, state(first, second))


def test_dependencies_name_known_goals() -> None:
    request = goal(goal_id="b", target_metric="m", dependencies=("a",))
    assert "'a'" in fault(request, state())
    assert isinstance(admit(request, state(named("a")), None, NOW, CONFIG), Goal)


def test_a_dependency_that_was_forgotten_does_not_stop_a_change() -> None:
    known = linked("b", dependencies=("gone",))
    request = changed(known, revision=0, description="new words")
    assert isinstance(admit(request, state(known), None, NOW, CONFIG), Goal)


@pytest.mark.parametrize("ring", [("a",), ("b", "a"), ("c", "b", "a")])
def test_dependencies_in_a_ring_are_refused(ring: tuple[str, ...]) -> None:
    """Each of ``ring`` depends on the one before; then the first wants to depend on the last."""
    goals = [named(ring[0])]
    goals += [linked(name, dependencies=(ring[n],)) for n, name in enumerate(ring[1:])]
    request = changed(goals[0], revision=0, dependencies=(ring[-1],))
    assert "wait for itself" in fault(request, state(*goals))


def test_a_part_may_not_wait_for_its_parent() -> None:
    parent = named("whole")
    request = goal(goal_id="p", target_metric="m", parent_id="whole", dependencies=("whole",))
    assert "wait for itself" in fault(request, state(parent))


def test_a_goal_is_not_its_own_part() -> None:
    known = named("a")
    assert "wait for itself" in fault(changed(known, revision=0, parent_id="a"), state(known))


def test_a_parent_is_open_and_known() -> None:
    request = goal(goal_id="p", target_metric="m", parent_id="whole")
    assert "parent_id is 'whole'" in fault(request, state())
    assert "open goal" in fault(request, state(achieved(named("whole"))))
    assert isinstance(admit(request, state(named("whole")), None, NOW, CONFIG), Goal)


def test_relations_are_bounded() -> None:
    many = [named(f"d-{n}") for n in range(MOST_RELATED + 1)]
    names = tuple(each.goal_id for each in many)
    request = goal(goal_id="x", target_metric="m", dependencies=names)
    assert str(MOST_RELATED) in fault(request, state(*many))
    full = [linked(f"p-{n}", parent_id="whole") for n in range(MOST_RELATED)]
    request = goal(goal_id="x", target_metric="m", parent_id="whole")
    assert str(MOST_RELATED) in fault(request, state(named("whole"), *full))


def test_progress_is_the_mean_of_the_parts() -> None:
    parent = named("whole")
    half = linked("b", parent_id="whole", progress=0.2)
    done = achieved(linked("a", parent_id="whole", progress=1.0))
    dropped = cancel(linked("c", parent_id="whole"), "", NOW)
    entity = state(parent, done, half, dropped)
    assert is_parent(entity, "whole")
    assert not is_parent(entity, "a")
    after = roll_up(parent, parts(entity, "whole"), NOW)
    assert after is not None
    assert (after.progress, after.status) == (0.6, GoalStatus.ACTIVE)
    assert roll_up(after, parts(entity, "whole"), NOW) is None


@pytest.mark.parametrize(
    ("ends", "status", "reason"),
    [
        ([GoalStatus.ACHIEVED] * 2, GoalStatus.ACHIEVED, CloseReason.PARTS),
        ([GoalStatus.ACHIEVED, GoalStatus.FAILED], GoalStatus.FAILED, CloseReason.PART_FAILED),
    ],
)
def test_a_parent_ends_with_its_parts(
    ends: list[GoalStatus], status: GoalStatus, reason: CloseReason
) -> None:
    members = [
        close(linked(f"p-{n}", parent_id="whole"), end, "", NOW) for n, end in enumerate(ends)
    ]
    after = roll_up(named("whole"), members, NOW)
    assert after is not None
    assert (after.status, after.close_reason) == (status, reason)
    assert roll_up(after, members, NOW) is None


def test_goals_that_others_need_are_referred_to() -> None:
    first, second = achieved(named("a")), linked("b", dependencies=("a",))
    assert is_referred_to(first, state(first, second))
    assert not is_referred_to(first, state(first, achieved(second)))
    whole, part = named("whole"), achieved(linked("p", parent_id="whole"))
    assert is_referred_to(part, state(whole, part))
    assert not is_referred_to(part, state(achieved(whole), part))


names = st.sampled_from("abcde")
requests = st.builds(
    lambda name, needs, parent: goal(
        goal_id=name,
        target_metric=f"of-{name}",
        dependencies=tuple(needs),
        parent_id=parent,
    ),
    names,
    st.lists(names, max_size=3, unique=True),
    st.just("") | names,
)


@given(st.lists(requests, max_size=25))
def test_admitted_relations_never_have_a_cycle(asked: list[Goal]) -> None:
    entity = state()
    for request in asked:
        result = admit(request, entity, None, NOW, CONFIG)
        if isinstance(result, Goal):
            keep(entity, result)
    left = dict(entity.by_id())
    while left:
        free = [
            name
            for name, each in left.items()
            if not any(other in left for other in each.dependencies)
            and not any(other.parent_id == name for other in left.values())
        ]
        assert free
        for name in free:
            del left[name]
