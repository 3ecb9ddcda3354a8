"""Nothing slow is imported before it is needed, and what is said beforehand is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from streams.cli import backtest, policy
from streams.cli.app import COMMANDS, MODULES, app
from streams.core.forecasting.evaluation import Plan
from streams.core.learning.config import LearningConfig

SLOW = frozenset(
    "aiokafka confluent_kafka faust matplotlib mode numba numpy polars river scipy".split()
)
RUN = """
import json, sys
from streams.cli.app import app
told = {}
for line in sys.argv[1:]:
    before = set(sys.modules)
    try:
        app(line.split(), prog_name="goalstream")
    except SystemExit as end:
        told[line] = [end.code, sorted(set(sys.modules) - before)]
sys.stderr.write(json.dumps(told))
"""
BARE = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}


def calls() -> Iterator[list[str]]:
    """Every command and group there is, root first, as words."""
    found: list[tuple[list[str], Any]] = [([], typer.main.get_command(app))]
    while found:
        words, command = found.pop(0)
        yield words
        commands = getattr(command, "commands", {})
        found += [
            ([*words, name], each.load() if hasattr(each, "load") else each)
            for name, each in commands.items()
        ]


CALLS = list(calls())


def imported(*lines: str) -> dict[str, set[str]]:
    """What each call imports beyond those before it, in an interpreter of their own."""
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *lines], capture_output=True, text=True, check=True, env=BARE
    )
    told = json.loads(ended.stderr)
    assert [(line, told[line][0]) for line in lines] == [(line, 0) for line in lines]
    return {line: set(names) for line, (_, names) in told.items()}


def test_all_commands_are_found() -> None:
    assert ["topics", "apply"] in CALLS
    assert ["replay"] in CALLS
    assert len(CALLS) > 25


@pytest.mark.parametrize("option", ["--version", "--help", "-h"])
def test_version_and_overview_import_no_command(option: str) -> None:
    (names,) = imported(option).values()
    assert names & SLOW == set()
    assert not any(f"streams.cli.{MODULES.get(name, name)}" in names for name in COMMANDS)


def test_the_help_of_no_command_imports_anything_slow() -> None:
    lines = [" ".join([*words, "-h"]) for words in CALLS]
    found = imported(*lines)
    for name in COMMANDS:
        assert f"streams.cli.{MODULES.get(name, name)}" in found[f"{name} -h"]
    assert {line: names & SLOW for line, names in found.items() if names & SLOW} == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_first_line_of_the_help(name: str) -> None:
    root: Any = typer.main.get_command(app)
    told = cleandoc(root.commands[name].load().help)
    assert root.commands[name].help == told.partition("\n\n")[0]


def test_defaults_are_those_of_what_is_too_slow_to_import() -> None:
    assert LearningConfig().min_decisions == policy.MIN_SAMPLES
    assert Plan() == Plan(
        horizons=backtest.HORIZONS,
        warm_up=backtest.WARM_UP,
        every=backtest.EVERY,
        level=backtest.LEVEL,
    )


def test_a_misspelt_command_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["polcy"])
    assert result.exit_code == 2
    assert "Did you mean 'policy'" in result.stderr


@pytest.mark.parametrize(
    ("line", "suggested"),
    [
        ("goalstream to", {"token", "topics"}),
        ("goalstream topics ", {"plan", "apply", "acls"}),
        ("goalstream consume forecasts --from ", {"beginning", "end"}),
    ],
)
def test_the_shell_completes_commands_and_values(line: str, suggested: set[str]) -> None:
    words = line.split(" ")
    environment = {
        "_GOALSTREAM_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "from streams.cli.app import app; app(prog_name='goalstream')"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=BARE | environment,
    )
    assert set(ended.stdout.split()) == suggested


def test_completion_is_offered() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert "--install-completion" in told
    assert "--show-completion" in told
