"""Writes docs/reference/commands.md from the commands that the features declare.

python -m tools.commands           write the page
python -m tools.commands --check   fail when it is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.kernel.commands import ArgumentInfo, CommandSpec

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"
HEAD = """# Commands

Made by `python -m tools.commands` from what the features declare.

A command is a record on the commands topic, keyed by its entity. Its arguments are text; numbers
and `true` or `false` are parsed, lists and maps are JSON. What is not understood becomes a dead
letter that names the argument, its value and the remedy. A command with scope `*` may be sent to
the entity `*`: it then goes to every partition and holds for all entities. Where a person is
needed, `issued_by` or the argument `by` names them; over HTTP that is the name of the token, whose
role must be the one named here or a larger one.

| command | what it does | target | arguments | scope | role | refused as |
|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    commands = build_features(CoreConfig()).commands
    return HEAD + "".join(f"{_row(commands[name])}\n" for name in sorted(commands))


def _row(spec: CommandSpec[Any]) -> str:
    scope = "entity, `*`" if spec.everybody else "entity"
    summary = f"{spec.summary}; a person is needed" if spec.signed else spec.summary
    arguments = "; ".join(map(_argument, spec.described()))
    name, refusal = f"`{spec.name}`", f"`{spec.refusal}`"
    cells = (name, summary, spec.target, arguments, scope, spec.role.value, refusal)
    return f"| {' | '.join(cells)} |"


def _argument(argument: ArgumentInfo) -> str:
    return f"`{argument.name}`: {argument.kind}{', needed' if argument.required else ''}"


def main(words: list[str]) -> int:
    """Exit status: 1 when the page is not up to date."""
    if "--check" not in words:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write(
        f"{PAGE.name} is not what the features declare; run python -m tools.commands\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
