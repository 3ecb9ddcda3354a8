"""Which ways there are to pursue a goal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.planning.catalog import candidates
from streams.core.planning.composition import is_chain
from streams.core.planning.config import ActionSpec
from streams.records import Direction, Goal, GoalOrigin, GoalType
from tests.kits.core.planning import goal, spec


def names(of: Goal, actions: dict[str, ActionSpec]) -> list[str]:
    return [each.name for each in candidates(of, actions)]


def user_goal(*actions: str, **fields: Any) -> Goal:
    return goal(origin=GoalOrigin.USER, actions=actions, **fields)


CATALOGUE = {
    "scale_up": spec(
        "cpu", params={"units": "2"}, effect={"cpu": -20.0, "cost": 4.0}, undo="scale_down",
        cost=4.0, unattended=True, agent="scaler", resources={"quota": 2.0},
    ),
    "warm_cache": spec("cpu", "latency", effect={"cpu": -3.0}, reversible=False),
    "buy": spec("cost", effect={"cost": 50.0}),
}  # fmt: skip


@pytest.mark.spec("S1-101")
def test_a_goal_with_two_actions_gets_two_steps_that_know_the_goal() -> None:
    [only] = candidates(user_goal("scale_up", "tell_people"), CATALOGUE)
    about = {
        "entity_id": "checkout",
        "goal_id": "g-1",
        "goal_type": "performance_target",
        "target_metric": "cpu",
        "target_value": "80.0",
    }
    assert [each.name for each in only.steps] == ["scale_up", "tell_people"]
    assert only.steps[0].params == about | {"units": "2"}
    assert only.steps[1].params == about


def test_steps_carry_what_the_catalogue_knows() -> None:
    [only] = candidates(user_goal("scale_up"), CATALOGUE)
    assert (only.steps[0].undo, only.steps[0].agent) == ("scale_down", "scaler")
    assert (only.effect, only.cost, only.resources) == (-20.0, 4.0, {"quota": 2.0})
    assert (only.reversible, only.unattended) == (True, True)


def test_the_catalogue_cannot_replace_what_a_step_knows_of_its_goal() -> None:
    actions = {"a": spec("cpu", params={"goal_id": "other", "x": "1"})}
    [only] = candidates(goal(), actions)
    assert (only.steps[0].params["goal_id"], only.steps[0].params["x"]) == ("g-1", "1")


def test_one_step_that_is_not_allowed_or_not_reversible_makes_the_whole_so() -> None:
    [only] = candidates(user_goal("scale_up", "warm_cache"), CATALOGUE)
    assert (only.reversible, only.unattended) == (False, False)
    [unknown] = candidates(user_goal("scale_up", "new_thing"), CATALOGUE)
    assert (unknown.reversible, unknown.unattended) == (True, False)


def test_steps_take_turns_so_their_effects_add_up_and_their_needs_do_not() -> None:
    actions = {
        "a": spec("cpu", effect={"cpu": -2.0}, resources={"quota": 2.0}, cost=1.0),
        "b": spec("cpu", effect={"cpu": -3.0}, resources={"quota": 5.0, "disk": 1.0}, cost=2.0),
    }
    [only] = candidates(user_goal("a", "b"), actions)
    assert only.effect == -5.0
    assert only.cost == 3.0
    assert only.resources == {"disk": 1.0, "quota": 5.0}


def test_a_user_s_actions_stand_even_where_the_catalogue_advises_against_them() -> None:
    actions = {"harm": spec("cpu", effect={"cpu": 9.0}, requires=("nobody provides this",))}
    assert names(user_goal("harm"), actions) == ["harm"]


def test_a_loop_s_actions_are_taken_as_they_are() -> None:
    assert names(goal(origin=GoalOrigin.LOOP, actions=("tell",)), CATALOGUE) == ["tell"]


def test_each_action_that_fits_is_a_candidate_in_the_order_of_names() -> None:
    assert names(goal(actions=("scale_up",)), CATALOGUE) == ["scale_up", "warm_cache"]
    assert names(user_goal(), CATALOGUE) == ["scale_up", "warm_cache"]
    backwards = dict(reversed(CATALOGUE.items()))
    assert candidates(goal(), backwards) == candidates(goal(), CATALOGUE)


def test_an_action_serves_only_its_metrics_and_goal_types() -> None:
    actions = {
        "any": spec("cpu"),
        "capacity": spec("cpu", goal_types=(GoalType.CAPACITY_PLANNING,)),
        "step_only": spec(),
        "other": spec("memory"),
    }
    assert names(goal(), actions) == ["any"]
    assert names(goal(goal_type=GoalType.CAPACITY_PLANNING), actions) == ["any", "capacity"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"direction": Direction.AT_MOST}, ["down"]),
        ({"direction": Direction.AT_LEAST}, ["up"]),
        ({"direction": Direction.REACH, "gap": -12.0}, ["down"]),
        ({"direction": Direction.REACH, "gap": 12.0}, ["up"]),
        ({"direction": Direction.REACH, "gap": None}, ["down", "up"]),
    ],
)
def test_what_is_declared_to_lead_away_from_the_target_is_left_out(
    fields: dict[str, Any], expected: list[str]
) -> None:
    actions = {"up": spec("cpu", effect={"cpu": 5.0}), "down": spec("cpu", effect={"cpu": -5.0})}
    assert names(goal(**fields), actions) == expected


def test_an_action_without_a_declared_effect_is_a_candidate() -> None:
    [only] = candidates(goal(), {"try": spec("cpu", effect={"memory": 1.0})})
    assert only.effect is None


@pytest.mark.spec("S1-195")
def test_actions_with_conditions_become_a_valid_chain() -> None:
    actions = {
        "move_traffic": spec("cpu", effect={"cpu": -30.0}, requires=("replica_ready",)),
        "start_replica": spec(requires=("image_pulled",), provides=("replica_ready",)),
        "pull_image": spec(provides=("image_pulled",)),
        "unrelated": spec(provides=("coffee",)),
    }
    [only] = candidates(goal(), actions)
    assert only.name == "pull_image+start_replica+move_traffic"
    assert [each.name for each in only.steps] == ["pull_image", "start_replica", "move_traffic"]
    assert only.effect == -30.0


def test_what_no_chain_leads_to_is_left_out_even_when_the_goal_names_it() -> None:
    actions = {"move_traffic": spec("cpu", requires=("replica_ready",))}
    assert candidates(goal(), actions) == []
    assert candidates(goal(actions=("move_traffic",)), actions) == []


def test_without_a_candidate_the_goal_s_own_actions_are_one() -> None:
    assert names(goal(actions=("analyse", "optimise", "monitor")), {}) == [
        "analyse+optimise+monitor"
    ]
    assert candidates(goal(), {}) == []


def test_the_goal_s_own_actions_are_no_way_around_the_catalogue() -> None:
    actions = {"harm": spec("cpu", effect={"cpu": 9.0})}
    assert candidates(goal(actions=("harm",)), actions) == []


@pytest.mark.spec("S1-190")
def test_the_steps_of_one_plan_can_belong_to_two_agents() -> None:
    actions = {
        "drain": spec(provides=("drained",), agent="network"),
        "restart": spec("cpu", requires=("drained",), agent="compute"),
    }
    [only] = candidates(goal(), actions)
    assert [(each.name, each.agent) for each in only.steps] == [
        ("drain", "network"),
        ("restart", "compute"),
    ]


FACTS = st.lists(st.sampled_from("pqr"), unique=True, max_size=2).map(tuple)
SPECS = st.builds(
    ActionSpec,
    metrics=st.sampled_from([(), ("cpu",)]),
    effect=st.sampled_from([{}, {"cpu": -1.0}, {"cpu": 2.0}]),
    requires=FACTS,
    provides=FACTS,
)


@given(
    st.dictionaries(st.sampled_from("abcde"), SPECS),
    st.lists(st.sampled_from("abxy"), max_size=3).map(tuple),
)
def test_every_candidate_of_the_engine_is_a_chain_that_may_help(
    actions: dict[str, ActionSpec], named: tuple[str, ...]
) -> None:
    found = candidates(goal(actions=named), actions)
    for each in found:
        assert each.steps
        assert is_chain([one.name for one in each.steps], actions)
        assert each.effect is None or each.effect < 0
    assert len({each.name for each in found}) == len(found)
