"""House rules that no other tool checks."""

from __future__ import annotations

import ast
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from tools.house import MAX_LINES

ROOT = Path(__file__).parents[3]
SOURCES = ("streams", "tools", "benchmarks", "tests")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError|pragma: no cover")
EVERY_ADDRESS = ".".join("0000")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def lines_with(pattern: re.Pattern[str], *folders: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files(*folders)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_modules_of_the_tools_are_as_short_as_those_of_the_package() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files("tools")
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_every_module_of_the_package_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files("streams", "tools")
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []


def test_nothing_unfinished_is_left() -> None:
    assert lines_with(UNFINISHED, *SOURCES) == []


def test_no_server_listens_on_every_address() -> None:
    pattern = re.compile(re.escape(EVERY_ADDRESS))
    assert lines_with(pattern, "streams", "tools", "benchmarks") == []


def test_no_test_waits_blindly() -> None:
    """A test awaits a condition: a fixed sleep is either too short or too long."""
    assert lines_with(re.compile(r"\btime\.sleep\("), "tests") == []


def test_what_tests_share_is_a_kit() -> None:
    """A test stands on the kits alone: its folder can be moved, and its neighbours changed."""
    tests = [path.relative_to(ROOT) for path in python_files("tests")]
    outside = [path for path in tests if not path.is_relative_to("tests/kits")]
    helpers = [str(path) for path in outside if not re.match(r"test_|conftest\.py", path.name)]
    assert helpers == []
    foreign = re.compile(r"^\s*(?:from|import) +(?:\.|tests\b(?!\.kits\b|(?= import kits\b)))")
    assert lines_with(foreign, *SOURCES) == []


def test_a_silenced_type_error_has_its_reason_beside_or_above_it() -> None:
    bare = re.compile(r"#\s*(type|pyright):\s*ignore(\[[^\]]*\])?\s*$")
    unexplained = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in python_files(*SOURCES)
        for above, line in pairwise(["", *path.read_text(encoding="utf-8").splitlines()])
        if bare.search(line) and not above.strip().startswith("#")
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    "name", ["unit", "integration", "lint", "house", "spec", "test", "demo", "bench", "quality"]
)
def test_the_makefile_has_the_target(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{name}:.*## ", makefile, re.MULTILINE)


def test_the_ci_program_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
