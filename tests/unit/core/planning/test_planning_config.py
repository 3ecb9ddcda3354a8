"""What is refused as a setting of planning or of an action."""

from __future__ import annotations

import math
from typing import Any

import pytest

from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.errors import ConfigError


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"effect": {"cpu": math.nan}}, "actions.*.effect.cpu"),
        ({"resources": {"cpu": math.inf}}, "actions.*.resources.cpu"),
        ({"resources": {"cpu": -1.0}}, "actions.*.resources.cpu"),
        ({"cost": math.nan}, "actions.*.cost"),
    ],
)
def test_numbers_of_an_action_are_checked(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ActionSpec(**spec)
    assert caught.value.field == field


def test_an_effect_may_be_a_decrease() -> None:
    assert ActionSpec(effect={"cpu": -5.0}).effect == {"cpu": -5.0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_concurrent_goals", 0),
        ("max_attempts", 0),
        ("lease_ms", 0),
        ("step_ms", 0),
        ("plans_kept", 0),
        ("cooldown_ms", -1),
        ("action_delay_ms", -1),
        ("scheduled_delay_ms", -1),
        ("adaptive_delay_ms", -1),
        ("low_load_share", -0.1),
        ("low_load_share", 1.1),
    ],
)
def test_settings_of_planning_have_ranges(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        PlanningConfig(**{name: value})
    assert caught.value.field == f"planning.{name}"
