"""Retired words: how they are read from the glossary, where they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import ConfigError
from tools.words import GLOSSARY, HEADING, main, read_words

ROOT = Path(__file__).parents[3]
PAGE = f"""
| term | meaning |
|---|---|
| `goal` | a term is not retired |

{HEADING}

| retired | say instead |
|---|---|
| `*keeper*`, keeper | `Permissions` |
| `Pace` | `RateLimit` |
| `acts_*`, an act | action |
| `core/setting` | `core/goal_rules` |

Names that are published, and so stay:

| name | where |
|---|---|
| `acts_used` | view |
"""
WORDS = read_words(PAGE)
SOURCE = Path("streams", "module.py")
GUIDE = Path("docs", "guide.md")


def found(path: Path, text: str) -> list[tuple[str, str]]:
    """(line, retired word) of each problem, in order of the table."""
    problems = [problem.split(":", 2) for problem in WORDS.problems(path, text)]
    return [(line, rest.split("'")[1]) for _, line, rest in problems]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("class GateKeeper: ...", "*keeper*"),
        ("_keeper = 1", "*keeper*"),
        ("self.goal_keepers", "*keeper*"),
        ('"""See ``Pace``."""', "Pace"),
        ("x = 1  # not `Pace`", "Pace"),
        ("x = acts_begun", "acts_*"),
        ("# after an act it rests", "an act"),
        ('"""After an\n    act."""', "an act"),
        ("import streams.core.setting", "core/setting"),
    ],
)
def test_a_retired_word_in_a_source_is_found(text: str, word: str) -> None:
    assert found(SOURCE, text) == [("1", word)]


@pytest.mark.parametrize(
    "text",
    [
        "pace = 1  # the Pace of it",
        "class Paces: ...",
        "x = acts_used",
        'x = "acts_begun"',
        "# to act on an action",
        "import streams.core.settings",
        "x = setting",
    ],
)
def test_other_words_in_a_source_are_left_alone(text: str) -> None:
    assert found(SOURCE, text) == []


def test_a_page_is_looked_through_for_words_and_its_code_for_names() -> None:
    text = (
        "The Pace.\n\n`Pace` and\n```python\nx = 1\nPace()\n```\nAn act of a Keeper, `acts_used`.\n"
    )
    assert found(GUIDE, text) == [
        ("8", "keeper"),
        ("3", "Pace"),
        ("6", "Pace"),
        ("8", "an act"),
    ]


def test_a_module_in_a_retired_folder_is_found() -> None:
    assert found(Path("streams", "core", "setting", "rule.py"), "") == [("0", "core/setting")]


@pytest.mark.parametrize("page", ["", "# Glossary", PAGE.replace(HEADING, "## Words")])
def test_a_glossary_without_the_table_is_refused(page: str) -> None:
    with pytest.raises(ConfigError, match="glossary"):
        read_words(page)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("docs/decisions", "streams"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (GLOSSARY, "docs/decisions/old.md", "README.md"):
        (tmp_path / name).write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_sources_pages_and_readme_are_looked_through_history_is_not(tree: Path, capsys) -> None:
    (tree / "README.md").write_text("Nothing.", encoding="utf-8")
    assert main(tree) == 0
    (tree / "streams" / "a.py").write_text("\nPace = 1\n", encoding="utf-8")
    (tree / "docs" / "b.md").write_text("No Keeper.", encoding="utf-8")
    (tree / "README.md").write_text("`Pace`", encoding="utf-8")
    assert main(tree) == 1
    assert capsys.readouterr().err.splitlines() == [
        "streams/a.py:2: 'Pace' is retired: say `RateLimit`",
        "README.md:1: 'Pace' is retired: say `RateLimit`",
        "docs/b.md:1: 'keeper' is retired: say `Permissions`",
    ]


def test_the_glossary_of_the_project_can_be_read() -> None:
    words = read_words((ROOT / GLOSSARY).read_text(encoding="utf-8"))
    assert {"Autonomy", "an act", "core/states"} <= {word.word for word in words.retired}
    assert "acts_per_window" in words.published
