"""Sections of the settings as parts of the core's configuration, in its units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from streams.core.effects.config import EffectsConfig
from streams.core.goal_rules.config import Objective, SettingConfig, TypeConfig
from streams.core.goal_rules.scaling import ScalingRule
from streams.errors import ConfigError
from streams.records import GoalType
from streams.settings.autonomy_sections import (
    EffectsSection,
    GoalTypeSection,
    ObjectiveSection,
    ScalingSection,
    SettingSection,
)
from streams.settings.sections import Section

_Part = TypeVar("_Part")


def core_part(base: _Part, path: str, section: Section, **computed: object) -> _Part:
    """The dataclass ``base`` with what the section says, where ``computed`` does not say it.

    A value of None says nothing. Raises ConfigError under the setting's name.
    """
    make: Callable[..., _Part] = partial(replace, base)  # type: ignore[type-var] # a dataclass
    return _made(make, path, section, _said(section) | computed)


def effects_part(section: EffectsSection) -> EffectsConfig:
    """Times by metric are added to those that the core has by default."""
    base = EffectsConfig()
    given = {metric: _ms(seconds) for metric, seconds in section.settle_by_metric.items()}
    settle_by_metric = dict(base.settle_by_metric) | given
    return core_part(base, "effects", section, settle_by_metric=settle_by_metric)


def setting_part(section: SettingSection) -> SettingConfig:
    """Tables by name are added to those that the core has by default."""
    base = SettingConfig()
    return core_part(
        base,
        "setting",
        section,
        types=_types(base, section.types),
        objectives=_objectives(
            base.objectives, "setting.objectives", section.objectives, needed=("target",)
        ),
        service_levels=_objectives(
            base.service_levels,
            "setting.service_levels",
            section.service_levels,
            # A share alone does not tell whether good or bad requests are meant.
            needed=("target", "direction"),
        ),
        scaling=_scaling(base.scaling, section.scaling),
    )


def _types(
    base: SettingConfig, sections: Mapping[str, GoalTypeSection]
) -> dict[GoalType, TypeConfig]:
    given = {
        GoalType(name): core_part(base.type(GoalType(name)), f"setting.types.{name}", section)
        for name, section in sections.items()
    }
    return dict(base.types) | given


def _objectives(
    base: Mapping[str, Objective],
    path: str,
    sections: Mapping[str, ObjectiveSection],
    needed: Sequence[str],
) -> dict[str, Objective]:
    """``base`` with what the sections change, add and take away; ``needed`` is for what is new."""
    found = {name: known for name, known in base.items() if name not in sections}
    for name, section in sections.items():
        values = _said(section)
        if not values.pop("enabled", True):
            continue
        known = base.get(name)
        missing = [key for key in needed if key not in values] if known is None else []
        if missing:
            field = f"{path}.{name}.{missing[0]}"
            raise ConfigError("missing key", field=field, remedy="add it")
        make = Objective if known is None else partial(replace, known)
        found[name] = _made(make, f"{path}.{name}", section, values)
    return found


def _scaling(
    base: Mapping[str, ScalingRule], sections: Mapping[str, ScalingSection]
) -> dict[str, ScalingRule]:
    given = {
        name: _made(ScalingRule, f"setting.scaling.{name}", section, _said(section))
        for name, section in sections.items()
    }
    return dict(base) | given


def _said(section: Section) -> dict[str, Any]:
    """What was given, by the core's names and in its units."""
    return {
        _core_name(name): _ms(value) if name.endswith("_seconds") else value
        for name, value in section
        if name in section.model_fields_set and value is not None
    }


def _core_name(name: str) -> str:
    return name.replace("_seconds", "_ms")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _made(
    make: Callable[..., _Part], path: str, section: Section, values: Mapping[str, object]
) -> _Part:
    try:
        return make(**values)
    except ConfigError as error:
        key = _key(error.field, section)
        found = getattr(section, key, None)
        raise ConfigError(
            error.message,
            field=f"{path}.{key}",
            value=error.value if found is None else found,
            remedy=error.remedy,
        ) from error


def _key(field: str, section: Section) -> str:
    """Where below the section the value stands that the core calls ``field``.

    The core writes ``actions.*.effect.cpu``: the first of these names that the section has is its
    key, and what follows is a key in the table there.
    """
    names = {_core_name(name): name for name in type(section).model_fields}
    parts = field.split(".")
    start = next((at for at, part in enumerate(parts) if at and part in names), len(parts) - 1)
    first, *rest = parts[start:]
    return ".".join((names.get(first, first), *rest))
