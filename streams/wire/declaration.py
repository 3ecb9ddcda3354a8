"""Reading a declaration in YAML key by key, with errors that say file, key, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from streams.errors import ConfigError, nearest


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping; YAML itself would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key.value!r} stands here twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Node:
    """The root mapping of a file. Raises ConfigError when it is unreadable or not YAML."""
    try:
        with path.open("rb") as file:
            data: Any = yaml.load(file, _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(
            f"file cannot be read: {error.strerror}",
            field="topics.file",
            value=str(path),
            remedy="name a readable file, or leave it empty for the packaged one",
        ) from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{path} is not usable YAML: {reason}", remedy="correct that line"
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is not a mapping", remedy="start it with keys, as topics.yaml")
    return Node(path, "", cast("dict[str, Any]", data))


class Node:
    """A mapping in the file."""

    def __init__(self, file: Path, path: str, data: Mapping[Any, Any]) -> None:
        self._file = file
        self._path = path
        self._data = {str(key): value for key, value in data.items()}

    def error(self, key: str, value: object, message: str, remedy: str) -> ConfigError:
        """An error about a key of this mapping."""
        field = ".".join(filter(None, (self._path, key)))
        return ConfigError(f"{self._file}: {message}", field=field, value=value, remedy=remedy)

    def expect(self, required: Collection[str], optional: Collection[str] = ()) -> None:
        """Refuse keys that are neither required nor optional, then keys that are missing."""
        valid = {*required, *optional}
        for key, value in self._data.items():
            if key not in valid:
                shown = "..." if isinstance(value, dict | list) else value
                raise self.error(key, shown, "unknown key", nearest(key, valid))
        for key in required:
            if key not in self._data:
                raise self.error(key, None, "missing key", "add it")

    def scalars(self) -> dict[str, str]:
        """All values, which must be numbers, flags or texts, as Kafka writes them."""
        return {key: self._scalar(key) for key in self._data}

    def table(self, key: str) -> Node:
        """The mapping under a key."""
        value = self._data[key]
        if not isinstance(value, dict):
            raise self.error(key, value, "not a mapping", "give keys below it")
        field = ".".join(filter(None, (self._path, key)))
        return Node(self._file, field, cast("dict[Any, Any]", value))

    def text(self, key: str, pattern: str) -> str:
        """Text that matches a pattern as a whole."""
        value = self._data[key]
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.error(key, value, "not a legal text", f"it must match {pattern}")
        return value

    def choice(self, key: str, valid: Collection[str]) -> str:
        """Text that is one of ``valid``."""
        value = self._data[key]
        if value not in valid:
            remedy = f"use {' or '.join(sorted(valid))}"
            raise self.error(key, value, "unknown value", remedy)
        return cast("str", value)

    def texts(self, key: str, valid: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts, each one of ``valid`` when that is given."""
        value = self._data[key]
        if not isinstance(value, list):
            raise self.error(key, value, "not a list", "write [a, b]")
        for item in cast("list[Any]", value):
            if not isinstance(item, str):
                raise self.error(key, item, "not a text", "put it in quotes")
            if valid is not None and item not in valid:
                raise self.error(key, item, "unknown value", nearest(item, valid))
        return tuple(cast("list[str]", value))

    def flag(self, key: str) -> bool:
        value = self._data[key]
        if not isinstance(value, bool):
            raise self.error(key, value, "not a flag", "use true or false")
        return value

    def count(self, key: str, instead: int | None = None, *, default: int | None = None) -> int:
        """A whole number from 1 on; ``instead`` replaces it, ``default`` stands in for it."""
        value: Any = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.error(key, value, "not a count", "use a whole number from 1 on")
        return value if instead is None else instead

    def _scalar(self, key: str) -> str:
        value = self._data[key]
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, int | float | str):
            raise self.error(key, value, "not a single value", "use a number or a text")
        return str(value)
