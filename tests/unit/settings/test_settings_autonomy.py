"""How much the engine may do by itself is set like all else, with errors that name the setting."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.goal_rules.config import DEFAULT_TYPES, Objective, SettingConfig, TypeConfig
from streams.core.goal_rules.scaling import ScalingRule
from streams.core.planning.config import ActionSpec
from streams.core.safety.config import Mode
from streams.errors import ConfigError
from streams.records import Direction, GoalType, PlanPolicy
from streams.settings import Settings, describe, load_settings
from streams.settings.sections import MAX_SECONDS

HOUR_MS = 3_600_000

FILE = """
[goals]
review_seconds = 600

[actions.scale_out]
goal_types = ["bottleneck_prevention", "capacity_planning"]
metrics = ["cpu_usage"]
params = { instances = 2, zone = "b" }
effect = { cpu_usage = -20 }
undo = "scale_in"
unattended = true

[actions.restart]
reversible = false

[planning]
policy = "continue"
lease_seconds = 0.5

[safety]
mode = "act"
goal_types = { sla_maintenance = "approve", "*" = "recommend" }
loops.nightly = "observe"

[effects.settle_by_metric]
"disk.usage_ms" = 90

[setting.types.cost_reduction]
enabled = false

[setting.objectives.latency]
target = 300

[setting.objectives.throughput]
target = 1000
direction = "at_least"

[setting.service_levels.error_rate]
enabled = false

[setting.scaling.requests]
capacity_metric = "replicas"
unit_capacity = 100
"""


@pytest.fixture
def core(tmp_path: Path) -> CoreConfig:
    path = tmp_path / "goalstream.toml"
    path.write_text(FILE)
    return load_settings(path, {}, {}).core()


def refused(overrides: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=overrides, environ={})
    assert caught.value.remedy
    return caught.value


def test_the_catalogue_is_what_the_file_says(core: CoreConfig) -> None:
    assert core.actions == {
        "scale_out": ActionSpec(
            goal_types=(GoalType.BOTTLENECK_PREVENTION, GoalType.CAPACITY_PLANNING),
            metrics=("cpu_usage",),
            params={"instances": "2", "zone": "b"},
            effect={"cpu_usage": -20.0},
            undo="scale_in",
            unattended=True,
        ),
        "restart": ActionSpec(reversible=False),
    }


def test_times_and_names_reach_their_parts(core: CoreConfig) -> None:
    assert core.goals.review_ms == 600_000
    assert (core.planning.policy, core.planning.lease_ms) == (PlanPolicy.CONTINUE, 500)
    assert core.safety.mode is Mode.ACT
    assert core.safety.goal_types == {"sla_maintenance": Mode.APPROVE, "*": Mode.RECOMMEND}
    assert core.safety.loops == {"nightly": Mode.OBSERVE}
    assert core.effects.settle_by_metric == {"disk.usage_ms": 90_000}
    assert core.setting.scaling == {"requests": ScalingRule("replicas", 100.0)}


def test_what_is_not_said_of_a_goal_type_stays(core: CoreConfig) -> None:
    default = DEFAULT_TYPES[GoalType.COST_REDUCTION]
    assert core.setting.types == {
        GoalType.COST_REDUCTION: TypeConfig(default.due_ms, False, default.cooldown_ms)
    }


def test_objectives_are_added_changed_and_taken_away(core: CoreConfig) -> None:
    defaults = SettingConfig()
    assert core.setting.objectives == {
        "latency": Objective(300.0, Direction.AT_MOST, "ms"),
        "throughput": Objective(1000.0, Direction.AT_LEAST),
    }
    assert core.setting.service_levels == {"success_rate": defaults.service_levels["success_rate"]}


def test_what_is_set_of_an_action_goes_before_what_its_handler_tells() -> None:
    told = {
        "scale_out": ActionSpec(metrics=("cpu_usage",), undo="undo:scale_out"),
        "clear_cache": ActionSpec(metrics=("memory",)),
    }
    overrides = {"actions.scale_out.unattended": "true", "actions.restart.agent": "ops"}
    settings = load_settings(overrides=overrides, environ={})
    assert settings.core(told).actions == {
        "scale_out": ActionSpec(metrics=("cpu_usage",), undo="undo:scale_out", unattended=True),
        "clear_cache": told["clear_cache"],
        "restart": ActionSpec(agent="ops"),
    }
    assert set(told) == {"scale_out", "clear_cache"}


@pytest.mark.parametrize(
    ("overrides", "field", "value"),
    [
        ({"planning.max_attempts": "0"}, "planning.max_attempts", 0),
        ({"planning.lease_seconds": "0.0001"}, "planning.lease_seconds", 0.0001),
        ({"planning.low_load_share": "1.5"}, "planning.low_load_share", 1.5),
        ({"safety.min_coverage": "2"}, "safety.min_coverage", 2.0),
        ({"safety.window_seconds": "0.0001"}, "safety.window_seconds", 0.0001),
        ({"safety.breaker_failures": "11"}, "safety.breaker_of", 10),
        ({"safety.goal_types.cost": "act"}, "safety.goal_types.cost", Mode.ACT),
        ({"learning.epsilon": "-0.1"}, "learning.epsilon", -0.1),
        ({"learning.window": "1"}, "learning.window", 1),
        ({"effects.level": "1"}, "effects.level", 1.0),
        ({"effects.path_steps": "169"}, "effects.path_steps", 169),
        ({"setting.headroom": "0.5"}, "setting.headroom", 0.5),
        ({"setting.utilisation": "0.6"}, "setting.target_utilisation", 0.7),
        (
            {"setting.types.cost_reduction.due_seconds": "0.0001"},
            "setting.types.cost_reduction.due_seconds",
            0.0001,
        ),
        (
            {"setting.objectives.latency.direction": "reach"},
            "setting.objectives.latency.direction",
            Direction.REACH,
        ),
        ({"setting.objectives.queue.unit": "jobs"}, "setting.objectives.queue.target", None),
        (
            {"setting.service_levels.uptime.target": "0.99"},
            "setting.service_levels.uptime.direction",
            None,
        ),
        (
            {"setting.service_levels.error_rate.target": "1"},
            "setting.service_levels.error_rate.target",
            1.0,
        ),
        (
            {
                "setting.scaling.requests.capacity_metric": "replicas",
                "setting.scaling.requests.unit_capacity": "-1",
            },
            "setting.scaling.requests.unit_capacity",
            -1.0,
        ),
    ],
)
def test_what_the_core_refuses_is_named_by_its_setting_in_its_units(
    overrides: dict[str, str], field: str, value: object
) -> None:
    error = refused(overrides)
    assert (error.field, error.value) == (field, value)


@pytest.mark.parametrize(
    ("key", "text", "remedy"),
    [
        ("planing.max_attempts", "1", "did you mean 'planning'?"),
        ("safety.modus", "act", "did you mean 'mode'?"),
        ("actions.scale_out.unatended", "true", "did you mean 'unattended'?"),
        ("actions.scale_out.goal_types", "cost", "cost_reduction"),
        ("safety.mode", "acts", "recommend"),
        ("safety.goal_types.cost_reducton", "act", "did you mean 'cost_reduction'?"),
        ("setting.types.sla_maintenence.enabled", "true", "did you mean 'sla_maintenance'?"),
        ("setting.types.cost_reduction.due_second", "1", "did you mean 'due_seconds'?"),
        ("setting.scaling.requests.unit_capacity", "1", "add it"),
        ("actions.scale_out.cost", "nan", "finite number"),
        ("actions.scale_out.effect.cpu", "inf", "finite number"),
    ],
)
def test_what_is_misspelt_or_missing_is_named_with_what_to_do(
    key: str, text: str, remedy: str
) -> None:
    assert remedy in refused({key: text}).remedy


def test_a_bad_value_is_traced_to_its_source() -> None:
    variable = "GOALSTREAM_SETTING__SCALING__REQUESTS__UNIT_CAPACITY"
    named = "GOALSTREAM_SETTING__SCALING__REQUESTS__CAPACITY_METRIC"
    with pytest.raises(ConfigError, match=variable):
        load_settings(environ={variable: "0", named: "replicas"})


@pytest.mark.parametrize("key", ["goals.lead_seconds", "safety.window_seconds"])
@given(seconds=st.floats(min_value=MAX_SECONDS, exclude_min=True))
def test_times_beyond_all_measure_are_refused(key: str, seconds: float) -> None:
    assert refused({key: repr(seconds)}).field == key


@given(
    seconds=st.floats(min_value=0.001, max_value=MAX_SECONDS),
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    goal_type=st.sampled_from(GoalType),
    share=st.floats(min_value=0.01, max_value=0.69),
)
def test_the_text_of_settings_leads_to_the_same_core(
    seconds: float, name: str, goal_type: GoalType, share: float
) -> None:
    given_values: dict[str, Any] = {
        "actions": {name: {"params": {name: name}, "effect": {name: share}}},
        "planning": {"lease_seconds": seconds},
        "safety": {"goal_types": {goal_type.value: "act"}, "loops": {name: "act"}},
        "effects": {"settle_by_metric": {name: seconds}},
        "setting": {
            "types": {goal_type.value: {"due_seconds": seconds}},
            "objectives": {"latency": {"target": share}, name: {"target": share}},
            "service_levels": {name: {"target": share, "direction": "at_least"}},
            "target_utilisation": share,
            "scaling": {name: {"capacity_metric": name, "unit_capacity": share}},
        },
    }
    settings = Settings.model_validate(given_values)
    again = Settings.model_validate(tomllib.loads(describe(settings)))
    assert again.core() == settings.core()
    assert settings.core().planning.lease_ms == round(seconds * 1000)


def test_the_kill_switch_is_a_file_of_the_worker() -> None:
    assert Settings().worker.kill_switch_file == ""
    settings = load_settings(environ={"GOALSTREAM_WORKER__KILL_SWITCH_FILE": "/run/stop"})
    assert settings.worker.kill_switch_file == "/run/stop"
