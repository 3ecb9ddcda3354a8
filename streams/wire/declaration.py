"""Reading a declaration in YAML, with errors that say file, key, value and remedy."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from streams.errors import ConfigError
from streams.problems import config_error, problems

_Model = TypeVar("_Model", bound=BaseModel)


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


def read_declaration(path: Path, model: type[_Model]) -> _Model:
    """What a file declares. Raises ConfigError when it is unreadable, not YAML or not as declared.

    Of several mistakes it names one, an unknown key before others: what is missing may be that.
    """
    data = _read_yaml(path)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = problems(error, model)
        first = min(found, key=lambda problem: problem.message != "unknown key")
        raise config_error([first], str(path)) from None


def _read_yaml(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return yaml.load(file, _Loader)  # noqa: S506 - a SafeLoader
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
