"""The example of a feature passes the contract of all features."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.own_feature import Visits, VisitsConfig
from streams.errors import ConfigError, UnknownName
from streams.records import Command, Event
from streams.settings import Settings, load_settings
from streams.testing import check_feature

START = 1_700_000_000_000
NAME = "examples.own_feature:Visits"


def visit(number: int, minute: int) -> Event:
    return Event(
        entity_id="shop",
        timestamp=START + minute * 60_000,
        event_id=f"v-{number}",
        event_type="visit",
    )


def said(name: str, minute: int, **arguments: str) -> Command:
    return Command(
        entity_id="shop",
        timestamp=START + minute * 60_000,
        command_id=f"c-{minute}",
        command=name,
        arguments=arguments,
    )


def test_it_keeps_what_is_promised_of_features() -> None:
    log = [
        *(("events", visit(number, number)) for number in range(4)),
        ("commands", said("visits.reset", 5, count="100")),
        ("events", visit(5, 6)),
        ("commands", said("entity.tick", 200)),
        ("events", visit(6, 201)),
    ]
    check_feature(Visits, log)


def test_its_settings_are_a_section_like_any_other() -> None:
    settings = Settings.model_validate({"features": {NAME: {"quiet_seconds": 60}}})
    (made,) = settings.core().features
    assert isinstance(made, Visits)
    assert made.settings is VisitsConfig
    assert made._quiet_ms == 60_000


@pytest.mark.parametrize(
    ("features", "field", "remedy"),
    [
        ({NAME: {"quite_seconds": 60}}, f"features.{NAME}.quite_seconds", "quiet_seconds"),
        ({NAME: {"quiet_seconds": 0}}, f"features.{NAME}.quiet_seconds", "0.001"),
        ({"visitz": {}}, "features", "module:attribute"),
        ({"examples.own_feature:Visited": {}}, "features", "subclass"),
        ({"examples.nowhere:Visits": {}}, "features", "subclass"),
    ],
)
def test_what_cannot_be_used_is_named(
    features: dict[str, dict[str, object]], field: str, remedy: str
) -> None:
    with pytest.raises((ConfigError, UnknownName)) as failure:
        Settings.model_validate({"features": features}).core()
    assert failure.value.field == field
    assert remedy in str(failure.value)


def test_a_file_can_name_it(tmp_path: Path) -> None:
    file = tmp_path / "goalstream.toml"
    file.write_text(f'[features."{NAME}"]\nquiet_seconds = 5\n', encoding="utf-8")
    (made,) = load_settings(file).core().features
    assert isinstance(made, Visits)
