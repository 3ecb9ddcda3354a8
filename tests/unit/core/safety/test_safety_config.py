from __future__ import annotations

from typing import Any

import pytest

from streams.core.safety.config import ANY, Mode, SafetyConfig, lowest
from streams.errors import ConfigError


def test_modes_are_ordered_by_how_much_they_permit() -> None:
    assert [mode.value for mode in sorted(Mode, key=lambda mode: mode.rank)] == [
        "observe",
        "recommend",
        "approve",
        "act",
    ]


def test_the_lowest_mode_permits_least() -> None:
    assert lowest([Mode.ACT, Mode.RECOMMEND, Mode.APPROVE]) is Mode.RECOMMEND
    assert lowest([]) is None


def test_nothing_runs_by_itself_unless_somebody_says_so() -> None:
    assert SafetyConfig().mode is Mode.RECOMMEND


@pytest.mark.parametrize(
    "fields",
    [
        {"acts_per_window": 0},
        {"window_ms": 0},
        {"cooldown_ms": -1},
        {"max_step_change": 0.0},
        {"max_step_change": float("nan")},
        {"max_window_change": float("inf")},
        {"min_coverage": 1.01},
        {"max_model_age_ms": -1},
        {"approval_expiry_ms": 0},
        {"breaker_failures": 0},
        {"breaker_failures": 4, "breaker_of": 3},
        {"breaker_open_ms": 0},
        {"rollout_share": -0.1},
    ],
)
def test_a_setting_out_of_range_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        SafetyConfig(**fields)
    assert error.value.field in {f"safety.{name}" for name in fields}
    assert error.value.remedy


def test_a_misspelt_goal_type_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cost_reduction'"):
        SafetyConfig(goal_types={"cost_reducton": Mode.ACT})


def test_a_star_stands_for_all_other_goal_types() -> None:
    assert SafetyConfig(goal_types={ANY: Mode.OBSERVE}).goal_types == {"*": Mode.OBSERVE}
