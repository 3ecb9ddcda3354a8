"""What the worker knows of actions at its start, and the file that stops them."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streams.core.planning.config import ActionSpec
from streams.errors import Unavailable
from streams.runtime.catalogue import core_config
from streams.runtime.handlers import Handler, HandlerRegistry
from streams.runtime.kill_switch import KillSwitch
from streams.settings import Settings


def nothing(_params: dict[str, str], _goal_id: str) -> None:
    return None


@pytest.mark.spec("S1-169")
def test_actions_without_a_handler_are_named_at_the_start() -> None:
    settings = Settings.model_validate(
        {"actions": {"scale_out": {}, "page": {"agent": "oncall"}, "warm_up": {}}}
    )
    with capture_logs() as logs:
        core_config(settings, HandlerRegistry([Handler("warm_up", nothing)]))
    [warning] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert warning["actions"] == ["scale_out"]


def test_handlers_and_settings_make_one_catalogue() -> None:
    spec = ActionSpec(metrics=("cpu",), effect={"cpu": -5.0})
    handlers = HandlerRegistry([Handler("scale_out", nothing, undo=nothing, spec=spec)])
    settings = Settings.model_validate({"actions": {"scale_out": {"unattended": True}}})
    with capture_logs() as logs:
        found = core_config(settings, handlers).actions["scale_out"]
    assert logs == []
    assert found.metrics == ("cpu",)
    assert found.unattended
    assert found.undo == "undo:scale_out"


def test_the_switch_is_on_while_its_file_exists(tmp_path: Path) -> None:
    switch = KillSwitch.at("", tmp_path / "state")
    assert switch.reason() == ""
    switch.pull("incident 12")
    assert switch.reason() == "incident 12"
    assert KillSwitch(tmp_path / "state" / "halted").reason() == "incident 12"
    switch.release()
    switch.release()
    assert switch.reason() == ""


def test_an_empty_file_is_a_reason_too(tmp_path: Path) -> None:
    file = tmp_path / "stop"
    file.touch()
    assert str(file) in KillSwitch.at(str(file), tmp_path).reason()


def test_what_cannot_be_read_is_on_and_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path)  # a folder
    assert "cannot be read" in switch.reason()
    with pytest.raises(Unavailable, match="kill_switch_file"):
        switch.pull("now")
    with pytest.raises(Unavailable, match="by hand"):
        switch.release()
