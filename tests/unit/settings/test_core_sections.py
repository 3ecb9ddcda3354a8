"""A frozen dataclass is all that a section of the settings needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import ValidationError

from streams.core.kernel.checks import (
    Bounds,
    Count,
    Elsewhere,
    Entries,
    Positive,
    Time,
    TimeOrZero,
    check,
    require,
)
from streams.errors import ConfigError
from streams.settings.core_sections import core_part, section_of


@dataclass(frozen=True, slots=True)
class Rule:
    limit: Positive
    name: str = ""

    def __post_init__(self) -> None:
        check(self, "own.rules.*")


@dataclass(frozen=True, slots=True)
class Own:
    """What a feature of somebody's own can be told."""

    every_ms: Time = 60_000
    pauses: Mapping[str, TimeOrZero] = field(default_factory=dict[str, int])
    most: Count | None = None
    low: Annotated[float, Bounds(-1, 1)] = -0.5
    high: float = 0.5
    names: tuple[str, ...] = ("a",)
    rules: Annotated[Mapping[str, Rule], Entries(removable=True)] = field(
        default_factory=lambda: {"cpu": Rule(1.0, "first")}
    )
    engine: Annotated[str, Elsewhere()] = "given"

    def __post_init__(self) -> None:
        check(self, "own")
        require(self.low < self.high, "own.high", self.high, "use more than own.low")


def part(**said: object) -> Own:
    return core_part(Own(), section_of(Own).model_validate(said), "own")


def test_a_section_has_the_names_units_and_defaults_of_its_dataclass() -> None:
    assert section_of(Own)().model_dump() == {
        "every_seconds": 60.0,
        "pauses": {},
        "most": None,
        "low": -0.5,
        "high": 0.5,
        "names": ("a",),
        "rules": {},
    }


def test_what_is_not_said_stays() -> None:
    assert part() == Own()
    base = Own(every_ms=5, engine="mine")
    assert core_part(base, section_of(Own).model_validate({"most": 3})) == Own(
        every_ms=5, most=3, engine="mine"
    )


def test_what_is_said_reaches_the_dataclass_in_its_units() -> None:
    said = part(every_seconds=1.5, pauses={"a_ms": 2}, names="b, c", low="-1")
    assert said == Own(every_ms=1500, pauses={"a_ms": 2000}, names=("b", "c"), low=-1.0)


def test_entries_are_changed_added_and_taken_away() -> None:
    assert part(rules={"cpu": {"limit": 2}}).rules == {"cpu": Rule(2.0, "first")}
    assert part(rules={"cpu": {"enabled": False}, "disk": {"limit": 3}}).rules == {
        "disk": Rule(3.0)
    }


@pytest.mark.parametrize(
    ("said", "place", "remedy"),
    [
        ({"every_seconds": 0}, ("every_seconds",), "use 0.001 to 3155760000"),
        ({"every_seconds": 1e308}, ("every_seconds",), "use 0.001 to 3155760000"),
        ({"pauses": {"a": -1}}, ("pauses", "a"), "use 0 to 3155760000"),
        ({"most": 0}, ("most",), "use 1 or more"),
        ({"low": 1.5}, ("low",), "use -1 to 1"),
        ({"rules": {"cpu": {"limit": "nan"}}}, ("rules", "cpu", "limit"), "a finite number"),
    ],
)
def test_a_value_out_of_bounds_is_refused_where_it_is_written(
    said: dict[str, object], place: tuple[str, ...], remedy: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        part(**said)
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert remedy in error["ctx"]["error"].remedy


@pytest.mark.parametrize("key", ["every_ms", "engine", "evry_seconds"])
def test_keys_that_are_no_settings_are_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        part(**{key: "x"})


@pytest.mark.parametrize(
    ("said", "key", "value"),
    [
        ({"high": -1.0}, "own.high", -1.0),
        ({"rules": {"disk": {"name": "x"}}}, "own.rules.disk.limit", None),
    ],
)
def test_what_only_the_whole_shows_is_named_by_its_setting(
    said: dict[str, object], key: str, value: object
) -> None:
    with pytest.raises(ConfigError) as caught:
        part(**said)
    assert (caught.value.field, caught.value.value) == (key, value)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"every_ms": 0}, "own.every_ms"),
        ({"pauses": {"a": -1}}, "own.pauses.a"),
        ({"low": float("nan")}, "own.low"),
    ],
)
def test_the_dataclass_itself_refuses_what_its_section_refuses(
    values: dict[str, object], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Own(**values)  # type: ignore[arg-type] # values of any type
    assert caught.value.field == key
    assert caught.value.remedy
