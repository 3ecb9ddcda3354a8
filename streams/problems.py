"""Turns what pydantic says about configuration into errors with path, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streams.errors import ConfigError, GoalstreamError, nearest

MASK = "***"
_SECRET = re.compile(r"password|passphrase|secret|token|api_?key|credential", re.IGNORECASE)
_NO_LIST = frozenset({"tuple_type", "list_type"})
_WRONG_SHAPE = _NO_LIST | {"model_type", "model_attributes_type", "dict_type"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration."""

    path: str
    """Dotted path of the key, e.g. ``kafka.bootstrap``."""
    value: object
    """What was found there; masked where it may hold a secret."""
    message: str
    remedy: str
    origin: str = ""
    """File, environment variable or flag that the value came from."""

    def line(self) -> str:
        where = f" (from {self.origin})" if self.origin else ""
        return f"{self.path} = {self.value!r}{where}: {self.message}; {self.remedy}"


def is_secret(key: str) -> bool:
    """Whether a key may hold a secret itself; keys that name a file do not."""
    return bool(_SECRET.search(key)) and not key.lower().endswith("_file")


def redact(value: object, key: str = "") -> object:
    """``value`` with everything below a secret key replaced by a mask."""
    if is_secret(key):
        return MASK
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {name: redact(inner, str(name)) for name, inner in items}
    if isinstance(value, str) and "@" in value:
        return MASK  # An address with credentials in it.
    return value


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """The single errors of ``error``, which came from validating data against ``model``."""
    return [_problem(detail, model) for detail in error.errors(include_url=False)]


def config_error(found: Sequence[Problem], source: str) -> ConfigError:
    """One error for one or several problems in ``source`` (a file name, or "settings")."""
    if len(found) == 1:
        only = found[0]
        where = only.origin or source
        return ConfigError(
            f"{where}: {only.message}", field=only.path, value=only.value, remedy=only.remedy
        )
    lines = "".join(f"\n  {problem.line()}" for problem in found)
    return ConfigError(f"{source}: {len(found)} values cannot be used{lines}")


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    location = detail["loc"]
    path = ".".join(map(str, location))
    kind, found = detail["type"], detail["input"]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, GoalstreamError):
        # A check over several keys names the one at fault, relative to its section.
        path = ".".join(filter(None, (path, cause.field)))
        value = cause.value if cause.field or cause.value is not None else found
        return Problem(path, redact(value, path), cause.message, cause.remedy)
    if kind == "missing":
        return Problem(path, None, "missing key", "add it")
    if kind in _WRONG_SHAPE:
        # The text of a whole section may hold a secret, so only its type is shown.
        is_list = kind in _NO_LIST
        remedy = "give a list: [a, b]" if is_list else "give a table with keys of its own"
        return Problem(path, f"({type(found).__name__})", "value of the wrong kind", remedy)
    secret = any(is_secret(str(part)) for part in location)
    value = MASK if secret else redact(found)
    if kind == "extra_forbidden":
        shown = "..." if isinstance(found, dict | list) else value
        return Problem(path, shown, "unknown key", _unknown_remedy(location, model))
    return Problem(path, value, "value cannot be used", _sentence(detail))


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"].startswith("bool_"):
        return "use true or false"
    text = detail["msg"].replace("Input should be", "it should be")
    return text[0].lower() + text[1:]


def _unknown_remedy(location: Sequence[str | int], model: type[BaseModel]) -> str:
    key = str(location[-1])
    fields = _fields_at(model, location[:-1])
    if f"{key}_file" in fields:
        return f"put it into a file and name that file in {key}_file"
    return nearest(key, fields)


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Names of the fields of the model that sits at ``location`` below ``model``."""
    current: Any = model
    for part in location:
        fields = _fields(current)
        current = fields[str(part)].annotation if str(part) in fields else _item_type(current)
    return list(_fields(current))


def _fields(annotation: Any) -> Mapping[str, Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return {field.alias or name: field for name, field in fields}
    return {}


def _item_type(annotation: Any) -> Any:
    """X of ``dict[str, X]`` and the like."""
    arguments = get_args(annotation)
    return arguments[-1] if arguments else None
