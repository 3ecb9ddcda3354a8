"""Reading specification pages, and the counts made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import ConfigError
from tools.spec.rows import Counts, load_spec

ROOT = Path(__file__).parents[3]
PAGE = """
| ID | Feature | Src |
|---|---|---|
| S0-001 | First | D |
| S0-002 | Second | C |
| S1-001 | Other | D |
"""


def folder(path: Path, page: str = PAGE, declined: str | None = None) -> Path:
    (path / "rows.md").write_text(page, encoding="utf-8")
    if declined is not None:
        (path / "declined.toml").write_text(declined, encoding="utf-8")
    return path


def test_the_specification_of_the_project_has_all_rows() -> None:
    counts = load_spec(ROOT / "docs" / "spec").counts(())
    rows = {seed: count.rows for seed, count in counts.items()}
    assert rows == {"S0": 74, "S1": 203, "S2": 112, "S3": 142, "S4": 70}


def test_row_ids_of_the_project_run_without_a_gap() -> None:
    ids = list(load_spec(ROOT / "docs" / "spec").features)
    expected = [
        f"S{seed}-{number:03}"
        for seed, rows in enumerate((74, 203, 112, 142, 70))
        for number in range(1, rows + 1)
    ]
    assert ids == expected


def test_features_are_read_by_id(tmp_path: Path) -> None:
    assert load_spec(folder(tmp_path)).features == {
        "S0-001": "First",
        "S0-002": "Second",
        "S1-001": "Other",
    }


def test_counts_split_rows_in_tested_declined_and_open(tmp_path: Path) -> None:
    spec = load_spec(folder(tmp_path, declined='S0-002 = "not on Kafka"'))
    assert spec.counts(["S0-001", "S0-001"]) == {
        "S0": Counts(rows=2, tested=1, declined=1, open=0),
        "S1": Counts(rows=1, tested=0, declined=0, open=1),
    }


def test_unknown_and_declined_ids_are_problems(tmp_path: Path) -> None:
    spec = load_spec(folder(tmp_path, declined='S0-002 = "not on Kafka"'))
    assert spec.problems(["S0-001"]) == []
    assert spec.problems(["S0-002", "S9-001"]) == [
        "unknown row S9-001",
        "row S0-002 is declined and tested",
    ]


@pytest.mark.parametrize(
    ("page", "declined", "words"),
    [
        ("no table", None, "no specification rows"),
        (PAGE + "| S0-001 | Again | D |\n", None, "S0-001"),
        (PAGE + "| S0-1 | Short | D |\n", None, "row cannot be read"),
        (PAGE, 'S0-009 = "why"', "S0-009"),
        (PAGE, 'S0-001 = "  "', "without a reason"),
        (PAGE, "S0-001 = 3", "without a reason"),
        (PAGE, "S0-001 = why", "not TOML"),
    ],
)
def test_wrong_pages_and_declined_rows_are_refused(
    tmp_path: Path, page: str, declined: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load_spec(folder(tmp_path, page, declined))
