"""Commands in the pages are commands of the project."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from streams.cli.app import Deferred, app
from tests.kits.pages import ROOT, code, name, pages, read

_ENDS = frozenset({"|", "||", "&&", ";", ">", "<"})


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


def calls(page: Path) -> list[list[str]]:
    """The words after each ``goalstream`` that is called in the code of a page."""
    found: list[list[str]] = []
    for text in code(page):
        for line in text.replace("\\\n", " ").splitlines():
            match = re.search(r"(?:^|[\s(/])goalstream((?:\s+\S+)+)", line)
            if match is None or line.lstrip().startswith("#") or "…" in match[1]:
                continue
            lexer = shlex.shlex(match[1], posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in lexer:
                if word in _ENDS or not word:
                    break
                words.append(word)
            if words and re.fullmatch(r"-?-?[a-z][\w-]*(=.*)?", words[0]):
                found.append(words)
    return found


def problem(words: list[str]) -> str:
    """What is wrong with a call; empty when nothing is."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            option = word.partition("=")[0]
            known = {text: each for each in command.params for text in each.opts}
            if option not in known and option not in ("-h", "--help"):
                return f"{option} is no option of {command.name}"
            parameter = known.get(option)
            flag = parameter is None or getattr(parameter, "is_flag", False)
            if not flag and "=" not in word and rest:
                rest.pop(0)
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"{word} is no command of {command.name}"
            command = command.commands[word]
            if isinstance(command, Deferred):
                command = command.load()
    return ""


def test_calls_are_found() -> None:
    found = [words for page in pages() for words in calls(page)]
    assert ["topics", "apply"] in found
    assert any(words[:2] == ["consume", "forecasts"] for words in found)
    assert problem(["topics", "aply"]) != ""
    assert problem(["consume", "goals", "--nothing"]) != ""
    assert problem(["--set", "a=b", "topics", "apply", "--yes"]) == ""


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_command_exists(page: Path) -> None:
    assert [text for words in calls(page) if (text := problem(words))] == []


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_make_target_exists(page: Path) -> None:
    named = {
        target
        for text in code(page)
        for target in re.findall(r"(?:^|\n|`)make ([a-z][a-z-]*)", text)
    }
    assert named - targets() == set()


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_module_that_is_run_exists(page: Path) -> None:
    named = {
        module
        for text in code(page)
        for module in re.findall(r"python -m ((?:tools|benchmarks|streams)[\w.]*)", text)
    }
    missing = [module for module in named if importlib.util.find_spec(module) is None]
    assert missing == []


def test_logical_topics_in_calls_exist() -> None:
    from streams.wire.topology import RECORD_OF

    read_topics = {
        words[1]
        for page in pages()
        for words in calls(page)
        if words[0] == "consume" and len(words) > 1 and words[1].islower()
    }
    assert read_topics
    assert read_topics - set(RECORD_OF) == set()
    assert (ROOT / "topics.yaml").exists()


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs make on this checkout, whose environment is taken as it is."""
    ready = [f"--old-file=.venv/.ready-{which}" for which in ("run", "dev")]
    return subprocess.run(
        ["make", *ready, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )


@pytest.mark.spec("S1-167")
def test_the_documented_test_run_takes_every_test_and_tells_red_from_green(tmp_path: Path) -> None:
    assert {"test", "unit"} <= set(re.findall(r"`make ([a-z]+)`", read("README.md")))

    planned = make("--dry-run", "test").stdout.splitlines()
    selected = [line.partition(" -m ")[2].strip('" ') for line in planned if "pytest" in line]
    assert {"not integration and not faults", "integration or faults"} <= set(selected)

    options = "-n 0 -p no:cacheprovider -p no:randomly"
    for body, status, word in (("True", 0, "1 passed"), ("False", 2, "1 failed")):
        test = tmp_path / f"test_{body.lower()}.py"
        test.write_text(f"def test_it():\n    assert {body}\n", encoding="utf-8")
        run = make("unit", f"ARGS={options} {test}")
        assert (run.returncode, word in run.stdout) == (status, True), run.stdout + run.stderr
