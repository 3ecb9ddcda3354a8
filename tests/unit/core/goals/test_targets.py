from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.core.goals.admission import RefusalReason
from streams.core.goals.measurement import CloseReason
from streams.core.goals.state import Goals
from streams.core.goals.targets import GOAL_STATE, TargetChange, read_targets, replace_targets
from streams.records import Event, GoalStatus
from tests.kits.core.goals import CONFIG, ENTITY, NOW, admitted, keep, state


def set_targets(
    entity: Goals, event_id: str, readings: Mapping[str, float] | None = None, **targets: str
) -> TargetChange:
    """Apply a goal state as the engine would."""
    event = Event(
        entity_id=ENTITY,
        timestamp=NOW,
        event_id=event_id,
        event_type=GOAL_STATE,
        metadata=targets,
    )
    numbers, _ = read_targets(event.metadata)
    change = replace_targets(entity, numbers, readings or {}, event, NOW, CONFIG)
    keep(entity, *change.closed, *change.admitted)
    return change


def open_targets(entity: Goals) -> dict[str, float]:
    return {goal.target_metric: goal.target_value for goal in entity.open()}


@pytest.mark.spec("S0-010")
def test_a_goal_state_replaces_the_old_one_whole() -> None:
    entity = state()
    set_targets(entity, "e-1", a="1", b="2")
    assert open_targets(entity) == {"a": 1.0, "b": 2.0}
    change = set_targets(entity, "e-2", a="5")
    assert open_targets(entity) == {"a": 5.0}
    assert [goal.close_reason for goal in change.closed] == [CloseReason.REPLACED]
    assert change.closed[0].status is GoalStatus.CANCELLED


def test_goals_outside_the_group_are_not_touched() -> None:
    own = admitted(target_metric="a", target_value=7.0)
    entity = state(own)
    set_targets(entity, "e-1", a="1")
    set_targets(entity, "e-2")
    assert [goal.goal_id for goal in entity.open()] == [own.goal_id]


def test_equal_targets_change_nothing() -> None:
    entity = state()
    set_targets(entity, "e-1", a="1", b="2")
    change = set_targets(entity, "e-2", b="2.0", a=" 1 ")
    assert (change.closed, change.admitted, change.refused) == ((), (), ())


def test_a_moved_target_keeps_its_goal_and_restarts_the_baseline() -> None:
    entity = state()
    first = set_targets(entity, "e-1", {"a": 2.0}, a="10").admitted[0]
    second = set_targets(entity, "e-2", {"a": 4.0}, a="20").admitted[0]
    assert (second.goal_id, second.revision) == (first.goal_id, 2)
    assert (first.baseline, second.baseline, second.gap) == (2.0, 4.0, 16.0)


def test_a_target_that_returns_is_a_new_goal() -> None:
    entity = state()
    first = set_targets(entity, "e-1", a="1").admitted[0]
    set_targets(entity, "e-2")
    again = set_targets(entity, "e-3", a="1").admitted[0]
    assert again.goal_id != first.goal_id
    assert again.revision == 1


def test_targets_that_are_no_number_are_reported() -> None:
    targets, ignored = read_targets({"a": " 4.5 ", "mood": "happy", "b": "nan", "c": ""})
    assert targets == {"a": 4.5}
    assert ignored == ("mood", "b", "c")


def test_refused_targets_are_reported_beside_the_others() -> None:
    change = set_targets(state(), "e-1", **{"a": "1", "": "2"})
    assert [goal.target_metric for goal in change.admitted] == ["a"]
    assert [refusal.reason for refusal in change.refused] == [RefusalReason.INVALID]
