"""Refuses words that the project has retired: ``python -m tools.words``; exit code 1 where one is.

The words and what to say instead are read from the tables in ``docs/glossary.md``.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from streams.errors import ConfigError

GLOSSARY = Path("docs", "glossary.md")
HEADING = "## Retired words"
HISTORY = (Path("docs", "decisions"), Path("docs", "spec"))
"""Pages that keep the words of their time."""

_ROW = re.compile(r"^\| (?P<words>[^|]+) \| (?P<text>[^|]+) \|$", re.MULTILINE)
_CODE = re.compile(r"`+([^`]+)`+")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Word:
    """One retired word: the pattern of a name, or ``text`` that is looked for everywhere."""

    word: str
    instead: str
    text: re.Pattern[str] | None = None

    def is_name(self, name: str) -> bool:
        """Whether ``name`` may not be used; a word without capitals is one in any case."""
        bare = name.lstrip("_")
        return self.text is None and fnmatchcase(
            bare.lower() if self.word.islower() else bare, self.word
        )


@dataclass(frozen=True, slots=True)
class Words:
    """What is retired, and the published names that stay."""

    retired: tuple[Word, ...]
    published: frozenset[str]

    def problems(self, path: Path, source: str) -> Iterator[str]:
        """One line for each retired word in the text of a Python file or a page."""
        names: dict[str, set[int]] = {}
        for line, name in (_python_names if path.suffix == ".py" else _page_names)(source):
            names.setdefault(name, set()).add(line)
        for word in self.retired:
            used = [name for name in names if word.is_name(name) and name not in self.published]
            lines = {line for name in used for line in names[name]}
            if word.text:
                places = word.text.finditer(source)
                lines |= {source.count("\n", 0, found.start()) + 1 for found in places}
                # Line 0 is the path.
                lines |= {0} if word.text.search(path.with_suffix("").as_posix()) else set()
            for line in sorted(lines):
                yield f"{path}:{line}: {word.word!r} is retired: say {word.instead}"


def read_words(page: str) -> Words:
    """The tables below the heading "Retired words" of the glossary.

    Raises ``ConfigError`` where there are none.
    """
    _, _, below = page.partition(HEADING)
    retired_part, _, published_part = below.partition("Names that are published")
    retired = tuple(
        _word(word.strip(), row["text"])
        for row in _rows(retired_part)
        for word in row["words"].split(",")
    )
    if not retired:
        problem = "no retired words"
        remedy = f"keep a table of two columns below {HEADING!r}"
        raise ConfigError(problem, field="glossary", value=str(GLOSSARY), remedy=remedy)
    published = [_CODE.findall(row["words"]) for row in _rows(published_part)]
    return Words(retired, frozenset(name for names in published for name in names))


def _rows(part: str) -> list[re.Match[str]]:
    """The rows below the heading and the rule of a table."""
    return list(_ROW.finditer(part))[1:]


def _word(written: str, instead: str) -> Word:
    code = _CODE.fullmatch(written)
    word = code[1] if code else written
    if "/" in word:
        return Word(word, instead, re.compile(rf"\b{re.escape(word).replace('/', '[./]')}\b"))
    if code:
        return Word(word, instead)
    spaced = r"\s+".join(word.split())
    return Word(word, instead, re.compile(rf"\b{spaced}\b", re.IGNORECASE))


def _python_names(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of the code, and of what docstrings and comments set in backticks."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string
        elif token.type in {tokenize.STRING, tokenize.COMMENT}:
            yield from _names_in(_CODE, token.string, token.start[0])


def _page_names(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of what a page sets in backticks."""
    yield from _names_in(_FENCE, source, 1)
    yield from _names_in(_CODE, _FENCE.sub(lambda found: "\n" * found[0].count("\n"), source), 1)


def _names_in(part: re.Pattern[str], source: str, first: int) -> Iterator[tuple[int, str]]:
    for found in part.finditer(source):
        for name in _NAME.finditer(source, found.start(), found.end()):
            yield first + source.count("\n", 0, name.start()), name[0]


def files(root: Path) -> Iterator[Path]:
    """Sources and pages that are looked through, relative to ``root``."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    for path in [*sorted((root / "streams").rglob("*.py")), *pages]:
        known = path.relative_to(root)
        if known != GLOSSARY and not any(known.is_relative_to(old) for old in HISTORY):
            yield known


def main(root: Path = Path()) -> int:
    """Exit code: 0, or 1 where a retired word is used."""
    words = read_words((root / GLOSSARY).read_text(encoding="utf-8"))
    found = [
        problem
        for path in files(root)
        for problem in words.problems(path, (root / path).read_text(encoding="utf-8"))
    ]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
