"""Links and paths in the pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kits.pages import ROOT, name, pages, prose, read

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:streams|tests|docs|examples|schemas|tools)/[\w./-]+)`")
_SPAN = re.compile(r"`+[^`]*`+")


def anchors(path: Path) -> set[str]:
    """Names that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ +(.*)$", prose(path), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.replace(" ", "-") for title in plain}


def test_there_are_pages_and_links() -> None:
    assert {"README.md", "docs/operations.md", "docs/guide/goals.md"} <= set(map(name, pages()))
    assert len(_LINK.findall(read("README.md"))) > 5


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_relative_link_resolves(page: Path) -> None:
    broken: list[str] = []
    for link in _LINK.findall(_SPAN.sub("", prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        found = target.exists() and target.is_relative_to(ROOT)
        if not found or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    missing = [path for path in _PATH.findall(read(page)) if not (ROOT / path).exists()]
    assert missing == []


def test_pages_that_the_sources_name_exist() -> None:
    named = {
        (name(path), page)
        for path in (ROOT / "streams").rglob("*.py")
        for page in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert named
    assert [pair for pair in named if not (ROOT / pair[1]).exists()] == []


def test_every_page_is_on_the_map() -> None:
    """Guide, reference and single pages from the map; decisions from their own list."""
    for folder, index in (
        ("docs", "docs/README.md"),
        ("docs/decisions", "docs/decisions/README.md"),
    ):
        listed = {
            (ROOT / folder / link.partition("#")[0]).resolve()
            for link in _LINK.findall(read(index))
            if not link.startswith("http")
        }
        inside = [
            page
            for page in pages()
            if page.is_relative_to(ROOT / folder)
            and name(page) != index
            and (folder == "docs/decisions" or "decisions" not in page.parts)
        ]
        assert inside
        assert [name(page) for page in inside if page.resolve() not in listed] == []


@pytest.mark.parametrize("page", pages(), ids=name)
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    places = re.compile(r"(?<![\w.-])/(?:home|root|Users|work|tmp|opt/goalstream)/")
    assert places.findall(read(page)) == []
