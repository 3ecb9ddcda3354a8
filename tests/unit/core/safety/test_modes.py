from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.safety.config import ANY, SafetyConfig
from streams.core.safety.gate import GateDecision
from streams.core.safety.modes import Controls, Mode, Permission, effective_mode, merge, sets_goals
from streams.records import GoalOrigin, GoalType
from tests.kits.core.safety import goal, verdict

ACTING = SafetyConfig(mode=Mode.ACT)
TYPE = GoalType.COST_REDUCTION

modes = st.sampled_from(Mode)
named = st.dictionaries(st.sampled_from([ANY, *(t.value for t in GoalType)]), modes, max_size=4)
controls_of = st.builds(
    Controls,
    autonomous=st.none() | st.booleans(),
    mode=st.none() | modes,
    goal_types=named,
    running=st.booleans(),
    killed=st.sampled_from(["", "fire"]),
    changed_at=st.none() | st.integers(0, 9),
)


def permitted(
    controls: Controls | None = None, config: SafetyConfig = ACTING, **fields: Any
) -> Permission:
    base: dict[str, Any] = {
        "origin": GoalOrigin.AUTONOMOUS,
        "coverage_ok": True,
        "in_rollout": True,
        "goal_type": TYPE,
    }
    asked = base | fields
    return effective_mode(controls or Controls(), config, asked.pop("goal_type"), **asked)


def test_the_default_is_to_recommend() -> None:
    assert permitted(config=SafetyConfig()).mode is Mode.RECOMMEND


def test_a_command_replaces_the_setting() -> None:
    assert permitted(Controls(mode=Mode.APPROVE)).mode is Mode.APPROVE
    assert permitted(Controls(mode=Mode.ACT), SafetyConfig()).mode is Mode.ACT


def test_the_lowest_of_system_goal_type_and_loop_counts() -> None:
    config = SafetyConfig(
        mode=Mode.ACT, goal_types={TYPE: Mode.APPROVE}, loops={"nightly": Mode.OBSERVE}
    )
    assert permitted(config=config).mode is Mode.APPROVE
    assert permitted(config=config, loop="nightly").mode is Mode.OBSERVE
    assert permitted(config=config, loop="hourly").mode is Mode.APPROVE
    assert permitted(Controls(mode=Mode.RECOMMEND), config).mode is Mode.RECOMMEND


def test_a_star_is_meant_for_what_is_not_named() -> None:
    controls = Controls(goal_types={ANY: Mode.OBSERVE, TYPE.value: Mode.ACT})
    assert permitted(controls).mode is Mode.ACT
    assert permitted(controls, goal_type=GoalType.SLA_MAINTENANCE).mode is Mode.OBSERVE


def test_a_commands_star_stands_above_what_the_settings_name() -> None:
    config = SafetyConfig(mode=Mode.ACT, goal_types={TYPE: Mode.ACT})
    assert permitted(Controls(goal_types={ANY: Mode.OBSERVE}), config).mode is Mode.OBSERVE


@pytest.mark.spec("S1-183")
def test_where_one_goal_type_is_on_only_it_acts() -> None:
    config = SafetyConfig(
        mode=Mode.ACT, goal_types={ANY: Mode.RECOMMEND, GoalType.BOTTLENECK_PREVENTION: Mode.ACT}
    )
    acting = {
        goal_type
        for goal_type in GoalType
        if verdict(
            config=config,
            goal=goal(goal_type=goal_type),
            mode=permitted(config=config, goal_type=goal_type).mode,
        ).decision
        is GateDecision.ALLOW
    }
    assert acting == {GoalType.BOTTLENECK_PREVENTION}


def test_manual_mode_plans_nothing_that_no_user_asked_for() -> None:
    manual = Controls(autonomous=False)
    for origin in (GoalOrigin.AUTONOMOUS, GoalOrigin.LOOP):
        assert permitted(manual, origin=origin).mode is Mode.OBSERVE
    assert sets_goals(manual, ACTING)[0] is False


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.APPROVE, Mode.ACT])
def test_in_manual_mode_a_users_goal_waits_for_approval(mode: Mode) -> None:
    config = SafetyConfig(mode=mode, autonomous=False)
    assert permitted(config=config, origin=GoalOrigin.USER).mode is Mode.APPROVE


def test_manual_mode_lifts_nothing_that_may_only_be_observed() -> None:
    config = SafetyConfig(mode=Mode.OBSERVE, autonomous=False)
    assert permitted(config=config, origin=GoalOrigin.USER).mode is Mode.OBSERVE


def test_a_command_makes_a_manual_system_autonomous() -> None:
    config = SafetyConfig(mode=Mode.ACT, autonomous=False)
    assert permitted(Controls(autonomous=True), config).mode is Mode.ACT
    assert sets_goals(Controls(autonomous=True), config) == (True, "")


@pytest.mark.parametrize("name", ["coverage_ok", "in_rollout"])
def test_doubt_and_rollout_lower_acting_to_recommending(name: str) -> None:
    mode, reason = permitted(**{name: False})
    assert mode is Mode.RECOMMEND
    assert reason
    assert permitted(Controls(mode=Mode.APPROVE), **{name: False}).mode is Mode.APPROVE


def test_who_is_stopped_sets_no_goals_and_plans_nothing() -> None:
    stopped = Controls(running=False)
    assert permitted(stopped, origin=GoalOrigin.USER).mode is Mode.OBSERVE
    assert sets_goals(stopped, ACTING)[0] is False


def test_the_kill_switch_says_why() -> None:
    mode, reason = permitted(Controls(killed="fire in hall 2"))
    assert mode is Mode.OBSERVE
    assert "fire in hall 2" in reason


def test_an_entity_goes_no_further_than_the_system() -> None:
    system, entity = Controls(mode=Mode.APPROVE), Controls(mode=Mode.ACT)
    assert merge(system, entity).mode is Mode.APPROVE
    assert merge(Controls(), entity).mode is Mode.ACT


def test_merging_reads_stars_of_either_side() -> None:
    system = Controls(goal_types={TYPE.value: Mode.ACT})
    entity = Controls(goal_types={ANY: Mode.RECOMMEND})
    assert merge(system, entity).goal_types == {ANY: Mode.RECOMMEND, TYPE.value: Mode.RECOMMEND}


def test_merging_tells_the_latest_change() -> None:
    system = Controls(changed_by="ann", changed_at=5)
    entity = Controls(changed_by="bob", changed_at=7)
    assert (merge(system, entity).changed_by, merge(entity, system).changed_at) == ("bob", 7)


@given(controls_of, controls_of, st.sampled_from(GoalType), st.sampled_from(GoalOrigin))
def test_two_together_never_permit_more_than_either_alone(
    system: Controls, entity: Controls, goal_type: GoalType, origin: GoalOrigin
) -> None:
    both = permitted(merge(system, entity), goal_type=goal_type, origin=origin)
    alone = [permitted(each, goal_type=goal_type, origin=origin) for each in (system, entity)]
    if all(sets_goals(each, ACTING)[0] for each in (system, entity)):
        assert both.mode.rank <= min(each.mode.rank for each in alone)
    assert both.mode.rank <= max(each.mode.rank for each in alone)
    if both.mode is not Mode.ACT:
        assert both.reason


@given(controls_of, controls_of)
def test_merging_does_not_depend_on_the_order(one: Controls, other: Controls) -> None:
    left, right = merge(one, other), merge(other, one)
    changed = {"changed_by": "", "changed_at": 0}
    assert msgspec.structs.replace(left, **changed) == msgspec.structs.replace(right, **changed)
    assert merge(left, left) == left


@given(controls_of)
def test_controls_survive_being_stored(controls: Controls) -> None:
    data = msgspec.msgpack.encode(controls)
    assert msgspec.msgpack.decode(data, type=Controls) == controls
