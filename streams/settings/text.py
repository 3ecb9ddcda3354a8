"""The settings as text for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from streams.problems import MASK
from streams.settings.model import Settings

_MASKED = frozenset({"username", "sasl_username"})
"""Not secret by name, yet many providers use an API key here."""

_Table = dict[str, Any]


def describe(settings: Settings) -> str:
    """The settings as TOML, user names masked; secrets are not part of them."""
    plain = settings.model_dump(mode="json", by_alias=True)
    lines = [f"{key} = {_toml(value)}" for key, value in plain.items() if not _is_table(value)]
    for name, table in plain.items():
        if _is_table(table):
            lines.extend(_toml_table((name,), table))
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _toml_table(path: tuple[str, ...], table: _Table) -> Iterator[str]:
    yield ""
    yield f"[{'.'.join(map(_toml_key, path))}]"
    for key, value in table.items():
        if value is None:
            yield f"# {key} is not set"
        elif not _is_table(value):
            yield f"{_toml_key(key)} = {_toml(MASK if key in _MASKED and value else value)}"
    for key, value in table.items():
        if _is_table(value):
            yield from _toml_table((*path, key), value)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: object) -> str:
    # JSON and TOML escape text alike but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
