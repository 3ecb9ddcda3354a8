"""Pytest plugin for the mark ``spec("S0-035", …)``: checks ids, refuses skips, writes the report.

``--spec-report FILE`` collects every test, runs none, and writes the counts by seed as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest

from streams.errors import ConfigError
from tools.spec.rows import Counts, Spec, load_spec

_SPEC = pytest.StashKey[Spec]()
_TESTED = pytest.StashKey[frozenset[str]]()
_NEVER_RUN_MARKS = ("skip", "skipif", "xfail")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("spec", "behaviour specification")
    group.addoption(
        "--spec-report",
        metavar="FILE",
        help="run no test; write rows, tested, declined and open of each seed to FILE as JSON",
    )
    parser.addini("spec_folder", "folder of the specification pages", default="docs/spec")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "spec(*ids): rows of docs/spec that the test checks")
    if file := _report_file(config):
        # A run that fails leaves no report of an earlier one behind.
        file.unlink(missing_ok=True)
    try:
        config.stash[_SPEC] = load_spec(config.rootpath / str(config.getini("spec_folder")))
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before tests are deselected: read the marks of all of them."""
    problems = [f"{item.nodeid}: {text}" for item in items for text in _mark_problems(item)]
    tested = frozenset(row_id for item in items for row_id in _ids(item))
    problems += config.stash[_SPEC].problems(tested)
    if problems:
        raise pytest.UsageError("specification marks are wrong\n  " + "\n  ".join(problems))
    config.stash[_TESTED] = tested


def _ids(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("spec"):
        yield from (row_id for row_id in mark.args if isinstance(row_id, str))


def _mark_problems(item: pytest.Item) -> Iterator[str]:
    marks = list(item.iter_markers("spec"))
    for mark in marks:
        if not mark.args or mark.kwargs or not all(isinstance(arg, str) for arg in mark.args):
            yield 'the spec mark takes row ids as texts, such as spec("S0-035")'
    if marks:
        for name in _NEVER_RUN_MARKS:
            if item.get_closest_marker(name):
                yield f"a test with a spec mark may not carry {name}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that claims a row and skips itself while it runs has failed."""
    report = yield
    ids = sorted(set(_ids(item)))
    if report.skipped and ids:
        report.outcome = "failed"
        report.longrepr = f"a test that checks {', '.join(ids)} did not run: {report.longrepr}"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Ends the session after collection when only the report is wanted."""
    return True if _report_file(session.config) and not session.testsfailed else None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    file = _report_file(config)
    if not file or exitstatus != pytest.ExitCode.OK:
        return
    counts = config.stash[_SPEC].counts(config.stash[_TESTED])
    write_report(file, counts)
    terminalreporter.write_line("")
    for line in table(counts):
        terminalreporter.write_line(line)


def _report_file(config: pytest.Config) -> Path | None:
    name = config.getoption("spec_report")
    return Path(str(name)) if name else None


def write_report(file: Path, counts: dict[str, Counts]) -> None:
    """Write ``{"S0": {"rows": …, "tested": …, "declined": …, "open": …}, …}``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    report = {seed: count._asdict() for seed, count in counts.items()}
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def table(counts: dict[str, Counts]) -> Iterable[str]:
    """The counts as lines of equal width, with their sum in the last one."""
    total = Counts(*(sum(column) for column in zip(*counts.values(), strict=True)))
    yield "seed " + "".join(f"{name:>10}" for name in Counts._fields)
    for seed, count in [*counts.items(), ("all", total)]:
        yield f"{seed:<5}" + "".join(f"{number:>10}" for number in count)
