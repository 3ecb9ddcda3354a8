"""The pages of the documentation and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(`{3,})(\w*)[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code."""

    page: str
    language: str
    text: str


def pages() -> list[Path]:
    """All pages that people read; the specification's rows quote other systems and are apart."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return sorted(path for path in found if (ROOT / "docs" / "spec") not in path.parents)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(path: Path, *languages: str) -> list[Block]:
    """Fenced blocks of a page, of these languages if any are given."""
    found = [Block(name(path), match[2], match[3]) for match in _FENCE.finditer(read(path))]
    return [block for block in found if not languages or block.language in languages]


def prose(path: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", read(path))


def code(path: Path) -> Iterator[str]:
    """Everything that is set as code: fenced blocks and spans."""
    yield from (block.text for block in blocks(path))
    yield from (match[2] for match in _SPAN.finditer(prose(path)))


def table(path: str, first: str) -> list[list[str]]:
    """Rows of all tables whose head begins with the cell ``first``; cells without backticks."""
    rows: list[list[str]] = []
    inside = False
    for line in read(path).splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first:
            inside = True
        elif inside and set(cells[0]) - set(":-"):
            rows.append(cells)
    return rows
