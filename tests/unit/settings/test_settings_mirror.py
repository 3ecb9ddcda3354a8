"""Every value of the core's configuration can be set: by flags, by the environment, in a file.

The core's dataclasses are walked beside the sections, so that a field without a setting is found
as soon as there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from streams.core.config import CoreConfig
from streams.core.kernel.checks import Elsewhere, marked
from streams.settings import Settings, load_settings

Keys = tuple[str, ...]

NOT_OF_THE_CORE = {
    *("kafka", "registry", "topics", "worker", "web", "logging"),
    *("time_zone", "features"),
}
OF_SETTINGS_ONLY = {"setting.objectives.*.enabled", "setting.service_levels.*.enabled"}
NAMES = {"setting.types": "cost_reduction"}
"""Names in tables by name, where not any will do."""
ENTRIES: Mapping[str, Mapping[str, object]] = {
    "actions": {"agent": ""},
    "metrics": {"unit": ""},
    "setting.types": {"enabled": True},
    "setting.objectives": {"target": 200.0},
    "setting.service_levels": {"target": 0.99, "direction": "at_most"},
    "setting.scaling": {"capacity_metric": "replicas", "unit_capacity": 100.0},
}
"""By table: with what an entry is there."""
VALUES: Mapping[str, object] = {
    "metrics.*.calendar": ["hour"],
    "safety.goal_types": {"cost_reduction": "act"},
    "setting.utilisation": 0.8,
}
"""Other values than the default, where not any will do."""


def keys_of_core(config: type, above: Keys = ()) -> Iterator[Keys]:
    """Keys of all values of a dataclass that have a setting of their own, ``*`` for any name."""
    hints, marks = get_type_hints(config), get_type_hints(config, include_extras=True)
    for field in fields(config):
        if marked(marks[field.name], Elsewhere):
            continue
        keys, hint = (*above, field.name), hints[field.name]
        inner = get_args(hint)[-1] if get_origin(hint) in (Mapping, dict) else None
        if is_dataclass(hint):
            yield from keys_of_core(cast("type", hint), keys)
        elif is_dataclass(inner):
            yield from keys_of_core(cast("type", inner), (*keys, "*"))
        else:
            yield keys


def keys_of_settings(section: type[BaseModel], above: Keys = ()) -> Iterator[Keys]:
    for name, field in section.model_fields.items():
        keys, hint = (*above, name), field.annotation
        inner = get_args(hint)[-1] if get_origin(hint) is dict else hint
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of_settings(inner, keys if inner is hint else (*keys, "*"))
        else:
            yield keys


CORE_KEYS = list(keys_of_core(CoreConfig))


def setting_of(core_keys: Keys) -> str:
    return ".".join(key.replace("_ms", "_seconds") for key in core_keys)


def test_the_defaults_are_those_of_the_core() -> None:
    assert Settings().core() == CoreConfig()


def test_core_and_settings_have_the_same_values() -> None:
    settings = {
        ".".join(keys) for keys in keys_of_settings(Settings) if keys[0] not in NOT_OF_THE_CORE
    }
    assert settings - OF_SETTINGS_ONLY == {setting_of(keys) for keys in CORE_KEYS}
    assert settings > OF_SETTINGS_ONLY


def named(keys: Keys) -> Keys:
    """``keys`` with a name for each ``*``."""
    names = [NAMES.get(".".join(keys[:at]), "some_name") for at in range(len(keys))]
    return tuple(name if key == "*" else key for key, name in zip(keys, names, strict=True))


def entry(keys: Keys) -> dict[str, object]:
    """Settings by which the entry exists that ``keys`` lead into, by dotted key."""
    if "*" not in keys:
        return {}
    at = keys.index("*")
    start = named(keys)[: at + 1]
    return {".".join((*start, key)): value for key, value in ENTRIES[".".join(keys[:at])].items()}


def hint_of(keys: Keys) -> Any:
    """Type of a value of the core."""
    hint: Any = CoreConfig
    for key in keys:
        hint = get_args(hint)[-1] if key == "*" else get_type_hints(hint)[key]
    return hint


def found(core: CoreConfig, keys: Keys) -> Any:
    at: Any = core
    for key in named(keys):
        at = cast("Mapping[str, Any]", at)[key] if isinstance(at, Mapping) else getattr(at, key)
    return at


def other(hint: Any, default: Any) -> Any:
    """A value of that type, as it is written in a file, that is not the default."""
    kinds = get_args(hint) or (hint,)
    if get_origin(hint) is tuple:
        return [other(kinds[0], "")]
    if get_origin(hint) in (Mapping, dict):
        return {"some_key": other(kinds[-1], None)}
    if get_origin(hint) is Literal:
        return kinds[-1]
    if issubclass(kinds[0], Enum):
        members = [str(member.value) for member in kinds[0]]
        return members[-1] if members[-1] != default else members[0]
    if kinds[0] is bool:
        return not default
    if kinds[0] is str:
        return "other"
    if kinds[0] is int:
        return 7 if default is None else default + 1
    return default * 0.9 if default else 1.5


def in_core(keys: Keys, value: Any) -> Any:
    """What the core has where that is written in a file."""
    if keys[-1].endswith("_ms"):
        return value * 1_000
    if keys == ("effects", "settle_by_metric"):
        return {metric: seconds * 1_000 for metric, seconds in value.items()}
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


def flat(key: str, value: Any) -> dict[str, object]:
    """``value`` by dotted keys, those of a table included."""
    if isinstance(value, dict):
        return {f"{key}.{name}": inner for name, inner in cast("dict[str, Any]", value).items()}
    return {key: value}


def as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(cast("list[str]", value))
    return value if isinstance(value, str) else json.dumps(value)


def variable(key: str) -> str:
    return f"GOALSTREAM_{key.replace('.', '__').upper()}"


def texts(values: Mapping[str, object]) -> dict[str, str]:
    return {key: as_text(value) for key, value in values.items()}


@pytest.mark.parametrize("keys", CORE_KEYS, ids=setting_of)
def test_a_value_reaches_the_core_from_every_source(keys: Keys, tmp_path: Path) -> None:
    there = entry(keys)
    default = found(load_settings(overrides=texts(there), environ={}).core(), keys)
    value = VALUES.get(setting_of(keys), other(hint_of(keys), default))
    expected = in_core(keys, value)
    assert expected != default

    given = there | flat(setting_of(named(keys)), value)
    file = tmp_path / "some.toml"
    file.write_text("".join(f"{key} = {json.dumps(each)}\n" for key, each in given.items()))
    variables = {variable(key): text for key, text in texts(given).items()}
    for settings in (
        load_settings(file, {}, {}),
        load_settings(None, {}, variables),
        load_settings(None, texts(given), {}),
    ):
        assert found(settings.core(), keys) == expected
