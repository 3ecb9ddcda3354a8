"""The page for newcomers and its rules, on a small package made for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.errors import ConfigError
from tools.house import MAX_LINES, MAX_SMALL, SMALL_LINES, main, read

PURPOSE = '"""What it is for.\n\nMore."""\n'
TREE = {
    "__init__.py": PURPOSE,
    "core/__init__.py": PURPOSE,
    "core/goals/__init__.py": PURPOSE,
    "core/goals/book.py": "from made.core.kernel import turn\nfrom made.core import config\n",
    "core/kernel/__init__.py": PURPOSE,
    "core/kernel/turn.py": "",
    "core/config.py": "",
    "web/__init__.py": PURPOSE,
    "web/app.py": "from made.core.goals import book\n",
}

Make = Callable[..., str]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Writes the package ``made``, the named files over the good tree; a None leaves one out."""
    monkeypatch.syspath_prepend(tmp_path)

    def _make(files: dict[str, str | None] | None = None) -> str:
        for name, text in {**TREE, **(files or {})}.items():
            if text is not None:
                path = tmp_path / "made" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        return "made"

    return _make


def complaint(package: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--check"], package) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


def test_a_good_package_passes_in_silence(make: Make, capsys) -> None:
    assert main(["--check"], make()) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_the_page_has_folders_graph_cycles_and_modules_out_of_size(make: Make, capsys) -> None:
    assert main([], make({"core/long.py": "\n" * (MAX_LINES + 1)})) == 0
    page = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["made/core/goals/", "What", "it", "is", "for."] in page
    assert ["goals", "->", "config,", "kernel"] in page
    assert ["made.core.long", f"({MAX_LINES + 1}),", "imported", "by"] in page
    assert ["made.core.goals.book", "(2),", "imported", "by", "made.web.app"] in page
    assert page[page.index(["Cycles:"]) + 1] == ["none"]


def test_only_packages_with_folders_have_a_graph(make: Make) -> None:
    assert [inside.package for inside in read(make()).insides] == ["made.core"]


@pytest.mark.parametrize("text", ["", "x = 1\n", '""""""\n', None])
def test_a_folder_without_a_purpose_is_named(make: Make, capsys, text: str | None) -> None:
    said = complaint(make({"core/goals/__init__.py": text}), capsys)
    assert said == (
        "made/core/goals/ has no purpose: "
        "say in the first line of made/core/goals/__init__.py what the folder is for\n"
    )


def test_a_cycle_is_named_with_the_imports_that_make_it(make: Make, capsys) -> None:
    files = {"core/kernel/turn.py": "import made.core.plans.plan\n"}
    plans = {"core/plans/__init__.py": PURPOSE, "core/plans/plan.py": "import made.core.goals.book"}
    said = complaint(make(files | plans), capsys)
    assert said.startswith("made/core/ has a cycle between goals, kernel, plans: move ")
    (cut,) = said.splitlines()[1:]
    assert cut.strip() in {
        "kernel.turn -> plans.plan",
        "plans.plan -> goals.book",
        "goals.book -> kernel.turn",
    }


def test_two_knots_are_two_cycles(make: Make) -> None:
    pairs = {"a": "b", "b": "a", "c": "d", "d": "c"}
    files = {f"core/{name}.py": f"import made.core.{far}\n" for name, far in pairs.items()}
    (inside,) = read(make(files)).insides
    assert inside.cycles() == [("a", "b"), ("c", "d")]


def test_a_long_module_is_named(make: Make, capsys) -> None:
    assert main(["--check"], make({"core/config.py": "\n" * MAX_LINES})) == 0
    said = complaint(make({"core/config.py": "\n" * (MAX_LINES + 1)}), capsys)
    assert said.startswith(f"made.core.config has {MAX_LINES + 1} lines, more than {MAX_LINES}: ")


def small_ones(count: int, text: str = "") -> dict[str, str]:
    imports = "".join(f"import made.small.m{number}\n" for number in range(count))
    modules = {f"small/m{number}.py": text for number in range(count)}
    return {"web/app.py": imports, "small/__init__.py": PURPOSE, **modules}


def test_a_package_of_crumbs_is_refused(make: Make, capsys) -> None:
    # Three crumbs are in the good tree already: turn and config, read by book alone, and no
    # other, since here app does not import book.
    assert main(["--check"], make(small_ones(MAX_SMALL - 2))) == 0
    said = complaint(make(small_ones(MAX_SMALL - 1)), capsys)
    assert said.startswith(f"made/ has {MAX_SMALL + 1} modules below {SMALL_LINES} lines with a ")
    assert "\n    made.small.m0 into made.web.app\n" in said


def test_a_module_of_some_size_or_with_two_importers_is_no_crumb(make: Make) -> None:
    crumbs = {module.name for module in read(make(small_ones(2, "\n" * SMALL_LINES))).small()}
    assert crumbs == {"made.core.config", "made.core.kernel.turn"}
    second = {"core/goals/life.py": "from made.core import config\n"}
    crumbs = {module.name for module in read(make(second)).small()}
    assert crumbs == {"made.core.goals.book", "made.core.kernel.turn"}


def test_a_package_that_hands_on_its_modules_does_not_count_as_importer(make: Make) -> None:
    init = PURPOSE + "from made.core.kernel.turn import name\n"
    assert read(make({"core/kernel/__init__.py": init})).small() != []
    only = {"core/kernel/__init__.py": init, "core/goals/book.py": ""}
    assert [module.name for module in read(make(only)).small()] == ["made.core.goals.book"]


def test_a_package_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match="package"):
        read("nowhere_at_all")
