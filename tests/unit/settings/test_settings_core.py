"""The core gets its own configuration, in its units, with every error under the settings' path."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.metric.config import MetricConfig
from streams.errors import ConfigError
from streams.records import Direction
from streams.settings import Settings, describe, load_settings


def test_a_metric_of_which_nothing_is_said_has_the_defaults() -> None:
    given_metric = load_settings(overrides={"metrics.rate.unit": ""}, environ={})
    assert given_metric.core().metrics["rate"] == MetricConfig()


@pytest.mark.parametrize(
    ("resource", "capacity"),
    [
        ("cpu", 100),
        ("memory", 100),
        ("api_calls", 10_000),
        ("token_budget", 1_000_000),
        ("storage", 1_000),
        ("network", 1_000),
    ],
)
def test_what_is_not_said_of_a_resource_stays(resource: str, capacity: float) -> None:
    changed = load_settings(overrides={f"metrics.{resource}.limit_ratio": "0.9"}, environ={})
    found = changed.core().metrics[resource]
    assert (found.capacity, found.limit_ratio) == (capacity, 0.9)
    emptied = load_settings(overrides={f"metrics.{resource}.unit": "x"}, environ={})
    assert emptied.core().metrics[resource].unit == "x"


def test_seconds_become_milliseconds() -> None:
    overrides = {
        "forecasting.interval_seconds": "0.25",
        "goals.lead_seconds": "90",
        "goals.hold_seconds": "0",
        "metrics.cpu.capacity": "100",
        "metrics.cpu.direction": "at_least",
        "aliases.load": "cpu",
        "ids_kept": "7",
    }
    core = load_settings(overrides=overrides, environ={}).core()
    assert core.forecasting.interval_ms == 250
    assert (core.goals.lead_ms, core.goals.hold_ms) == (90_000, 0)
    assert core.metric("load") == MetricConfig(
        capacity=100.0, unit="%", direction=Direction.AT_LEAST
    )
    assert core.ids_kept == 7


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("forecasting.horizon", "169", 169),
        ("forecasting.alpha", "1.5", 1.5),
        ("forecasting.models", "[]", ()),
        ("goals.max_active_goals", "0", 0),
        ("metrics.cpu.capacity", "-5", -5.0),
    ],
)
def test_what_the_core_refuses_is_named_by_its_setting(key: str, text: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides={key: text}, environ={})
    assert (caught.value.field, caught.value.value) == (key, value)
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides={"forecasting.interval_seconds": text}, environ={})
    assert caught.value.field == "forecasting.interval_seconds"


@pytest.mark.spec("S0-046")
def test_an_unknown_personality_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides={"suggestions.personality": "bold"}, environ={})
    for name in ("cautious", "neutral", "aggressive"):
        assert name in caught.value.remedy


@given(
    capacity=st.none() | st.floats(min_value=1e-3, max_value=1e12),
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    unit=st.text(st.characters(exclude_categories=["Cs"])),
    port=st.integers(0, 65535),
    handlers=st.lists(st.from_regex(r"[a-z_]+(\.[a-z]+)?", fullmatch=True)),
)
def test_the_text_of_settings_is_toml_for_the_same_settings(
    capacity: float | None, name: str, unit: str, port: int, handlers: list[str]
) -> None:
    settings = Settings.model_validate(
        {
            "metrics": {name: {"capacity": capacity, "unit": unit}},
            "web": {"port": port},
            "worker": {"handlers": handlers},
            "logging": {"json": True},
        }
    )
    assert Settings.model_validate(tomllib.loads(describe(settings))) == settings
