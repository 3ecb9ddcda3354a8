"""Features of the user's own: found by name, made with their section of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any

from pydantic import ValidationError

from streams.core.kernel.feature import Feature
from streams.errors import ConfigError, UnknownName
from streams.problems import config_error, problems
from streams.settings.core_sections import core_part, section_of

ENTRY_POINTS = "streams.features"
"""Entry point group in which packages name their feature classes."""

Options = Mapping[str, Any]


def make_features(named: Mapping[str, Options]) -> tuple[Feature, ...]:
    """Features by entry point or ``module:attribute``, in order of their names.

    Raises ConfigError or UnknownName under the setting's name.
    """
    return tuple(_make(name, options) for name, options in sorted(named.items()))


def _make(name: str, options: Options) -> Feature:
    kind, path = _find(name), f"features.{name}"
    if kind.settings is None:
        if options:
            key = next(iter(options))
            raise ConfigError(
                "this feature has no settings",
                field=f"{path}.{key}",
                value=options[key],
                remedy="remove it",
            )
        return kind()
    section = section_of(kind.settings)
    try:
        said = section(**options)
    except ValidationError as error:
        found = [replace(each, path=f"{path}.{each.path}") for each in problems(error, section)]
        raise config_error(found, "settings") from error
    return kind(core_part(kind.settings(), said, path))


def _find(name: str) -> Any:
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in points and ":" not in name:
        known = ", ".join(sorted(points)) or "none is installed"
        raise UnknownName(
            "no such feature",
            field="features",
            value=name,
            remedy=f"use one of these: {known}; or module:attribute",
        )
    try:
        found: object = points[name].load() if name in points else resolve_name(name)
    except Exception as error:  # importing foreign code can fail in any way
        raise _unusable(name, f"it cannot be imported: {error!r}") from error
    if not (isinstance(found, type) and issubclass(found, Feature)):
        raise _unusable(name, "it is no subclass of Feature")
    return found


def _unusable(name: str, reason: str) -> ConfigError:
    return ConfigError(
        f"feature cannot be used, {reason}",
        field="features",
        value=name,
        remedy="name a subclass of streams.core.kernel.feature.Feature",
    )
