"""What a newcomer should know of the package: its folders, and what they import of each other.

python -m tools.house            folders, imports between them, cycles, long and small modules
python -m tools.house --check    says only what breaks a rule; exit code 1 where something does
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

from streams.errors import ConfigError

MAX_LINES = 500
SMALL_LINES = 60
MAX_SMALL = 15


@dataclass(frozen=True, slots=True)
class Module:
    """A module that is no package. ``readers``: who imports it, the package around it left out.

    A package that hands its own modules on does not read them.
    """

    name: str
    lines: int
    readers: tuple[str, ...]

    @property
    def is_small(self) -> bool:
        return self.lines < SMALL_LINES and len(self.readers) == 1


@dataclass(frozen=True, slots=True)
class Inside:
    """The siblings in one package: for each, the siblings that it imports (names without the
    package), and the imports without which there would be no cycle."""

    package: str
    imports: Mapping[str, tuple[str, ...]]
    breakers: tuple[tuple[str, str], ...]

    def cycles(self) -> list[tuple[str, ...]]:
        """Siblings that reach each other, one tuple a knot."""
        reached = {name: _reached(name, self.imports) for name in self.imports}
        knots = {
            tuple(other for other in self.imports if other in far and name in reached[other])
            for name, far in reached.items()
        }
        return sorted(knot for knot in knots if knot)


@dataclass(frozen=True, slots=True)
class House:
    """A package as it lies on the disk. ``purposes``: first docstring line by folder, or None."""

    purposes: Mapping[str, str | None]
    modules: tuple[Module, ...]
    insides: tuple[Inside, ...]

    def long(self) -> list[Module]:
        return [module for module in self.modules if module.lines > MAX_LINES]

    def small(self) -> list[Module]:
        return [module for module in self.modules if module.is_small]


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where} {self.what}: {self.remedy}"


# --- reading -------------------------------------------------------------------------------


def read(package: str) -> House:
    """Reads an importable package; nothing of it is run.

    Raises ``ConfigError`` where there is no such package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        problem = "no such package"
        raise ConfigError(problem, field="package", value=package, remedy="name an installed one")
    folder = Path(next(iter(spec.submodule_search_locations)))
    graph = grimp.build_graph(package, cache_dir=None)
    # Looked for on the disk: a folder without __init__.py is not in the graph.
    folders = sorted({path.parent for path in folder.rglob("*.py")})
    purposes = {_name(folder, path): _purpose(path / "__init__.py") for path in folders}
    return House(
        purposes=purposes,
        modules=tuple(_modules(graph, folder)),
        insides=tuple(
            _inside(graph, package, child)
            for child in sorted(graph.find_children(package))
            if any(name.startswith(f"{child}.") for name in purposes)
        ),
    )


def _file(folder: Path, name: str) -> Path | None:
    """The file of a module; None for a package."""
    path = folder.parent.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def _name(folder: Path, path: Path) -> str:
    return ".".join(path.relative_to(folder.parent).parts)


def _purpose(path: Path) -> str | None:
    if not path.is_file():
        return None
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return text.partition("\n")[0] if text else None


def _modules(graph: grimp.ImportGraph, folder: Path) -> Iterator[Module]:
    for name in sorted(graph.modules):
        if path := _file(folder, name):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            readers = graph.find_modules_that_directly_import(name) - {name.rpartition(".")[0]}
            yield Module(name, lines, tuple(sorted(readers)))


def _inside(graph: grimp.ImportGraph, root: str, package: str) -> Inside:
    breakers = sorted(graph.nominate_cycle_breakers(package))
    squashed = grimp.build_graph(root, cache_dir=None)
    siblings = sorted(squashed.find_children(package))
    for sibling in siblings:
        squashed.squash_module(sibling)
    imports = {
        _short(name, package): tuple(
            _short(other, package)
            for other in sorted(squashed.find_modules_directly_imported_by(name))
            if other in siblings and other != name
        )
        for name in siblings
    }
    return Inside(package, imports, tuple(breakers))


def _short(name: str, package: str) -> str:
    return name.removeprefix(f"{package}.")


def _reached(start: str, imports: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    ahead = list(imports[start])
    while ahead:
        if (name := ahead.pop()) not in found:
            found.add(name)
            ahead += imports[name]
    return found


# --- rules ---------------------------------------------------------------------------------


def problems(house: House) -> list[Problem]:
    """What breaks a rule of the house, in the order of the page that ``describe`` makes."""
    return [*_silent(house), *_knotted(house), *_long(house), *_scattered(house)]


def _silent(house: House) -> Iterator[Problem]:
    for name, purpose in house.purposes.items():
        if not purpose:
            remedy = f"say in the first line of {_place(name)}__init__.py what the folder is for"
            yield Problem(_place(name), "has no purpose", remedy)


def _knotted(house: House) -> Iterator[Problem]:
    for inside in house.insides:
        for knot in inside.cycles():
            members = tuple(f"{inside.package}.{name}" for name in knot)
            cuts = [
                f"{_short(importer, inside.package)} -> {_short(imported, inside.package)}"
                for importer, imported in inside.breakers
                if _below(importer, members) and _below(imported, members)
            ]
            yield Problem(
                _place(inside.package),
                f"has a cycle between {', '.join(knot)}",
                f"move what both sides need further down; there is none without{_list(cuts)}",
            )


def _below(name: str, members: tuple[str, ...]) -> bool:
    return any(name == member or name.startswith(f"{member}.") for member in members)


def _long(house: House) -> Iterator[Problem]:
    for module in house.long():
        what = f"has {module.lines} lines, more than {MAX_LINES}"
        yield Problem(module.name, what, "give each of its ideas a module")


def _scattered(house: House) -> Iterator[Problem]:
    small = house.small()
    if len(small) > MAX_SMALL:
        what = (
            f"has {len(small)} modules below {SMALL_LINES} lines with a single importer, "
            f"more than {MAX_SMALL}"
        )
        pairs = [f"{module.name} into {module.readers[0]}" for module in small]
        yield Problem(_place(next(iter(house.purposes))), what, f"fold some of them{_list(pairs)}")


def _list(lines: Iterable[str]) -> str:
    return "".join(f"\n    {line}" for line in lines)


# --- page ----------------------------------------------------------------------------------


def describe(house: House) -> str:
    """The page for a newcomer."""
    folders = [f"{_place(name):34} {text or '-'}" for name, text in house.purposes.items()]
    graphs = [
        (
            f"Imports between the folders and modules of {_place(inside.package)}",
            [f"{name} -> {', '.join(far)}" for name, far in inside.imports.items() if far],
        )
        for inside in house.insides
    ]
    cycles = [
        f"{_place(inside.package)}: {', '.join(knot)}"
        for inside in house.insides
        for knot in inside.cycles()
    ]
    parts = [
        ("Folders", folders),
        *graphs,
        ("Cycles", cycles),
        (f"Modules above {MAX_LINES} lines", [_line(module) for module in house.long()]),
        (
            f"Modules below {SMALL_LINES} lines with a single importer (at most {MAX_SMALL})",
            [_line(module) for module in house.small()],
        ),
    ]
    return "\n\n".join(_part(title, lines) for title, lines in parts)


def _part(title: str, lines: Iterable[str]) -> str:
    return "\n  ".join([f"{title}:", *(lines or ["none"])])


def _line(module: Module) -> str:
    return f"{module.name} ({module.lines}), imported by {', '.join(module.readers)}"


def _place(package: str) -> str:
    return package.replace(".", "/") + "/"


def main(arguments: list[str] | None = None, package: str = "streams") -> int:
    """Exit code: 0, or with ``--check`` 1 where a rule is broken."""
    parser = argparse.ArgumentParser(prog="house", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="say only what breaks a rule")
    options = parser.parse_args(arguments)
    house = read(package)
    if not options.check:
        print(describe(house))
        return 0
    found = problems(house)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
