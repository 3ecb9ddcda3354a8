"""Where settings come from: flags, then environment, then file, then defaults."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from streams.errors import ConfigError, nearest
from streams.problems import MASK, Problem, config_error, is_secret, problems
from streams.settings.model import ENV_DELIMITER, ENV_PREFIX, Settings, readable

DEFAULT_FILE = Path("goalstream.toml")
FILE_VARIABLE = "GOALSTREAM_CONFIG"
_OPTIONS = frozenset({FILE_VARIABLE, "GOALSTREAM_URL"})
"""Options of the command line, which are no settings."""

_Layer = dict[str, Any]


def load_settings(
    file: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from ``overrides`` > environment > file > defaults.

    ``file``: a TOML file that must exist; without it ``goalstream.toml`` is used if there.
    ``overrides``: dotted key to text, as on the command line.
    Raises ConfigError that names key, value, where it came from, and what to do.
    """
    variables = os.environ if environ is None else environ
    layers = [
        ("flag", _flag_layer(overrides or {})),
        ("environment", _environment_layer(variables)),
        (str(file or DEFAULT_FILE), _file_layer(file)),
    ]
    merged: _Layer = {}
    for _, layer in reversed(layers):
        merged = _merge(merged, layer)
    try:
        settings = Settings(**merged)
        settings.core()
    except ValidationError as error:
        found = problems(error, Settings)
    except ConfigError as error:
        found = [Problem(error.field, error.value, error.message, error.remedy)]
    else:
        return settings
    raise config_error([_with_origin(problem, layers) for problem in found], "settings") from None


def _file_layer(file: Path | None) -> _Layer:
    path = file or DEFAULT_FILE
    if file is None and not path.exists():
        return {}
    try:
        return dict(TomlConfigSettingsSource(Settings, readable(path, "--config"))())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", remedy="correct that line") from None


def _environment_layer(variables: Mapping[str, str]) -> _Layer:
    ours = [name for name in variables if name.upper().startswith(ENV_PREFIX)]
    found: list[Problem] = []
    valid = [f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in ours:
        section = name.upper().split(ENV_DELIMITER)[0]
        if section not in valid and name not in _OPTIONS:
            value = MASK if is_secret(name) else variables[name]
            found.append(Problem(name, value, "unknown variable", nearest(section, valid)))
    if found:
        raise config_error(found, "environment")
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): variables[name] for name in ours if name not in _OPTIONS}
    return dict(source())


def _flag_layer(overrides: Mapping[str, str]) -> _Layer:
    layer: _Layer = {}
    for key, text in overrides.items():
        try:
            path = list(_leaf(tomllib.loads(f"{key} = 0")))
        except tomllib.TOMLDecodeError:
            raise ConfigError(
                "not the name of a setting",
                field=key,
                value=MASK if is_secret(key) else text,
                remedy="use section.key, with quotes around a part that has dots in it",
            ) from None
        value: Any = text
        for part in reversed(path):
            value = {part: value}
        layer = _merge(layer, value)
    return layer


def _leaf(table: object) -> Iterator[str]:
    """The keys on the way to the only value of nested tables."""
    while isinstance(table, dict):
        key, table = next(iter(cast("_Layer", table).items()))
        yield key


def _merge(below: _Layer, above: Mapping[str, Any]) -> _Layer:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        both = isinstance(inner, dict) and isinstance(value, Mapping)
        merged[key] = _merge(cast("_Layer", inner), value) if both else value
    return merged


def _with_origin(problem: Problem, layers: list[tuple[str, _Layer]]) -> Problem:
    """``problem`` with the place its value came from: the highest layer that has its path."""
    parts = problem.path.split(".")
    for name, layer in layers:
        if _has(layer, parts):
            variable = f"variable {ENV_PREFIX}{ENV_DELIMITER.join(parts).upper()}"
            origin = variable if name == "environment" else name
            return dataclasses.replace(problem, origin=origin)
    return problem


def _has(layer: object, parts: list[str]) -> bool:
    """Whether nested tables hold a value at the path; list positions count as their list."""
    for part in parts:
        if not isinstance(layer, dict):
            return True
        if part not in layer:
            return False
        layer = cast("_Layer", layer)[part]
    return True
