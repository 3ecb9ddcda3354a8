"""The command line as a user meets it: exit codes, messages, output."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.cli.app import app
from streams.errors import ConfigError
from streams.settings import Settings


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("GOALSTREAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def closed_port() -> str:
    """An address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_handlers_named_by_flag_stand_above_those_set() -> None:
    # A process of its own: a worker that has failed sees to it that its process ends.
    words = ("--set", "kafka.bootstrap=embedded", "worker", "--handlers", "no.such_module")
    command = [sys.executable, "-m", "streams.cli", *words]
    result = run(command, check=False, capture_output=True, timeout=60)
    assert result.returncode == 1
    assert b"no.such_module" in result.stderr


CODE_ONLY = {
    "forecasting.min_points": (12, "forecasting.min_points"),
    "forecasting.horizon": (36, "forecasting.horizon"),
    "forecasting.level": (0.8, "forecasting.level"),
    "patterns.min_confidence": (0.6, "patterns.min_confidence"),
    "metrics.cpu.capacity": (64.0, "metrics.cpu.capacity"),
    "states.healthy": (0.5, "states.healthy"),
    "states.degraded": (0.7, "states.degraded"),
    "states.critical": (0.8, "states.critical"),
    "states.overloaded": (0.9, "states.overloaded"),
}
"""Keys that the original had in its code alone, by their names here."""


@pytest.mark.spec("S1-162")
@pytest.mark.parametrize("key", [*CODE_ONLY, "goals.review_seconds"])
def test_keys_that_were_in_code_alone_are_printed_and_reach_the_core(key: str) -> None:
    value, path = CODE_ONLY.get(key, (7200.0, "goals.review_ms"))
    printed = tomllib.loads(invoke("--set", f"{key}={value}", "config").stdout)
    assert _at(printed, key) == value
    core = Settings.model_validate(printed).core()
    assert _at(core, path) == (7_200_000 if path == "goals.review_ms" else value)
    assert _at(core, path) != _at(Settings().core(), path)


def _at(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = tree[name] if isinstance(tree, Mapping) else getattr(tree, name)
    return tree


def test_config_prints_the_settings_in_force(tmp_path: Path) -> None:
    (tmp_path / "goalstream.toml").write_text("[web]\nport = 6000\n")
    result = invoke("--set", "worker.app_id=mine", "config")
    assert result.exit_code == 0
    printed = tomllib.loads(result.stdout)
    assert printed["web"]["port"] == 6000
    assert printed["worker"]["app_id"] == "mine"
    assert printed["kafka"]["bootstrap"] == Settings().kafka.bootstrap


def test_the_file_may_be_named_by_flag_or_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[web]\nport = 6001\n")
    assert "port = 6001" in invoke("--config", str(path), "config").stdout
    monkeypatch.setenv("GOALSTREAM_CONFIG", str(path))
    assert "port = 6001" in invoke("config").stdout


@pytest.mark.spec("S1-164")
def test_an_unknown_setting_is_one_message_and_exit_code_1() -> None:
    result = invoke("--set", "web.prot=1", "config")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: flag: unknown key",
        "  web.prot = '1'",
        "  did you mean 'port'?",
    ]


def test_debug_shows_where_an_error_comes_from() -> None:
    result = invoke("--debug", "--set", "web.prot=1", "config")
    assert isinstance(result.exception, ConfigError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense", "config"],
        ["produce", "nonsense", "x.csv"],
        ["produce", "metrics"],
        ["produce", "metrics", "x.csv", "--rate", "0"],
        ["consume", "goals", "--from", "middle"],
        ["consume", "goals", "--max", "0"],
    ],
)
def test_wrong_usage_has_exit_code_2(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("text", ["kafka.bootstrap", "=x"])
def test_a_set_option_that_is_no_assignment_is_refused(text: str) -> None:
    result = invoke("--set", text, "config")
    assert result.exit_code == 1
    assert "section.key=value" in result.stderr


def test_version() -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    first, *clients = result.stdout.splitlines()
    assert re.fullmatch(r"goalstream \d+\.\d+\.\d+", first)
    names = ["confluent-kafka", "aiokafka", "faust-streaming"]
    assert clients == [f"{name} {version(name)}" for name in names]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["produce", "metrics", "none.csv"], "No such file"),
        (["produce", "metrics", "-"], "--format csv"),
        (["topics", "apply", "--delete-removed"], "--yes"),
    ],
)
def test_mistakes_are_found_before_the_broker_is_asked(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr


def test_acls_need_no_broker() -> None:
    result = invoke("topics", "acls", "--role", "producer", "--principal", "User:x-{role}")
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert all("--allow-principal User:x-producer" in line for line in lines)
    rows = json.loads(invoke("topics", "acls", "--json").stdout)
    assert {row["role"] for row in rows} == {
        "producer",
        "client",
        "operator",
        "analytics",
        "worker",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "plan"],
        ["topics", "apply"],
        ["consume", "goals"],
        ["produce", "events", "events.csv"],
    ],
)
def test_without_a_broker_every_command_ends_soon_and_says_so(
    tmp_path: Path, closed_port: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("runtime.admin", "runtime.kafka"):
        monkeypatch.setattr(f"streams.{module}.ANSWER_SECONDS", 0.5)
    (tmp_path / "events.csv").write_text("entity_id,event_type\na,x\n")
    started = time.monotonic()
    result = invoke("--set", f"kafka.bootstrap={closed_port}", *arguments)
    assert time.monotonic() - started < 5
    assert result.exit_code == 1
    assert "Connection refused" in result.stderr
    assert f"kafka.bootstrap = '{closed_port}'" in result.stderr


@pytest.mark.spec("S2-105")
def test_without_a_broker_the_doctor_fails_in_seconds_with_the_reason(closed_port: str) -> None:
    started = time.monotonic()
    result = invoke("--set", f"kafka.bootstrap={closed_port}", "doctor", "--json")
    assert time.monotonic() - started < 10
    assert result.exit_code == 1
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert findings["broker"]["status"] == "fail"
    assert "Connection refused" in findings["broker"]["detail"]
    assert "start the broker" in findings["broker"]["remedy"]
    assert findings["settings"]["status"] == findings["state directory"]["status"] == "ok"


def test_a_registry_that_is_away_fails_the_doctor(closed_port: str) -> None:
    url = f"registry.url=http://{closed_port}"
    result = invoke("--set", "kafka.bootstrap=embedded", "--set", url, "doctor")
    assert result.exit_code == 1
    assert "fail registry" in result.stdout
    assert "-> " in result.stdout


def test_embedded_needs_nothing_outside() -> None:
    result = invoke("--set", "kafka.bootstrap=embedded", "doctor")
    assert result.exit_code == 0
    assert "fail" not in result.stdout


def test_the_installed_command_shows_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from streams.cli import main; main()"]
    done = run(
        [*command, "--set", "web.port=x", "config"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
