"""The spec mark in a test run: wrong marks end it, the report counts the right ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = "| S0-001 | First | D |\n| S0-002 | Second | C |\n| S1-001 | Other | D |\n"


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Runs one test module with the plugin and a specification of three rows."""
    rows = pytester.mkdir("rows")
    (rows / "rows.md").write_text(ROWS, encoding="utf-8")
    pytester.makeini("[pytest]\nspec_folder = rows\n")

    def _run(source: str, *options: str, declined: str = "") -> pytest.RunResult:
        (rows / "declined.toml").write_text(declined, encoding="utf-8")
        pytester.makepyfile("import pytest\n" + source)
        plugins = ("-p", "tools.spec.plugin", "-p", "no:asyncio")
        return pytester.runpytest_inprocess(*plugins, *options)

    return _run


def test_a_known_id_is_accepted(run) -> None:
    run('@pytest.mark.spec("S0-001")\ndef test_a(): pass').assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("source", "declined", "words"),
    [
        ('@pytest.mark.spec("S0-009")\ndef test_a(): pass', "", "*unknown row S0-009*"),
        ("@pytest.mark.spec\ndef test_a(): pass", "", "*takes row ids*"),
        ("@pytest.mark.spec(1)\ndef test_a(): pass", "", "*takes row ids*"),
        (
            '@pytest.mark.spec("S0-001")\ndef test_a(): pass',
            'S0-001 = "why"',
            "*S0-001 is declined and tested*",
        ),
        (
            '@pytest.mark.skip\n@pytest.mark.spec("S0-001")\ndef test_a(): pass',
            "",
            "*test_a*may not carry skip",
        ),
        (
            '@pytest.mark.skipif(False, reason="-")\n@pytest.mark.spec("S0-001")\n'
            "def test_a(): pass",
            "",
            "*test_a*may not carry skipif",
        ),
        (
            '@pytest.mark.xfail\n@pytest.mark.spec("S0-001")\ndef test_a(): pass',
            "",
            "*test_a*may not carry xfail",
        ),
        ("def test_a(): pass", 'S7-001 = "why"', "*S7-001*"),
    ],
)
def test_a_wrong_mark_ends_the_run(run, source: str, declined: str, words: str) -> None:
    result = run(source, declined=declined)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])


def test_a_wrong_mark_is_found_on_a_deselected_test(run) -> None:
    source = '@pytest.mark.spec("S0-009")\ndef test_a(): pass\ndef test_b(): pass'
    assert run(source, "-k", "test_b").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("call", ['pytest.skip("later")', 'pytest.xfail("later")'])
def test_a_marked_test_that_stops_itself_has_failed(run, call: str) -> None:
    result = run(f'@pytest.mark.spec("S0-001")\ndef test_a(): {call}')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*checks S0-001 did not run*"])


def test_a_skipping_fixture_fails_a_marked_test(run) -> None:
    source = (
        '@pytest.fixture\ndef broker(): pytest.skip("none")\n'
        '@pytest.mark.spec("S0-001")\ndef test_a(broker): pass'
    )
    run(source).assert_outcomes(errors=1)


def test_an_unmarked_test_may_skip_itself(run) -> None:
    run('def test_a(): pytest.skip("no row")').assert_outcomes(skipped=1)


def test_the_report_counts_marks_and_runs_nothing(run, tmp_path: Path) -> None:
    source = (
        '@pytest.mark.spec("S0-001")\n@pytest.mark.parametrize("x", [1, 2])\n'
        "def test_a(x): assert False\n"
    )
    file = tmp_path / "build" / "spec.json"
    result = run(source, "--spec-report", str(file), declined='S0-002 = "why"')
    assert result.ret == pytest.ExitCode.OK
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "S0": {"rows": 2, "tested": 1, "declined": 1, "open": 0},
        "S1": {"rows": 1, "tested": 0, "declined": 0, "open": 1},
    }
    result.stdout.fnmatch_lines(["S0 *2*1*1*0", "S1 *1*0*0*1", "all *3*1*1*1"])


def test_a_failed_collection_leaves_no_report(run, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text("{}", encoding="utf-8")
    assert run("import nowhere", "--spec-report", str(file)).ret != pytest.ExitCode.OK
    assert not file.exists()
