"""A settings file goes on saying the same.

``full_file`` was written by version 0.1.0, when sections were still written by hand: every key of
the core with another value than its default, and what the core was told by it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from streams.settings import describe, load_settings

FILE = Path(__file__).parent / "full_file"


def plain(value: Any) -> Any:
    """Configuration of the core as JSON has it."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, tzinfo) else value


def known_to(then: Any, now: Any) -> Any:
    """``now`` without what came later."""
    if not isinstance(then, dict):
        return now
    return {name: known_to(inner, now[name]) for name, inner in then.items()}


def test_the_core_is_told_what_it_was_told() -> None:
    told = json.loads((FILE / "core.json").read_text())
    settings = load_settings(FILE / "goalstream.toml", {}, {})
    assert known_to(told, plain(settings.core())) == told


def test_the_text_of_these_settings_says_what_the_file_says() -> None:
    file = tomllib.loads((FILE / "goalstream.toml").read_text())
    written = tomllib.loads(describe(load_settings(FILE / "goalstream.toml", {}, {})))
    assert known_to(file, written) == file
