"""Sections of the settings made of the core's frozen dataclasses, and these of sections again.

A dataclass says it all once: names, types and defaults of its fields, bounds and units by what
their types carry (``streams.core.kernel.checks``). ``section_of`` is what makes a section of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

import pydantic
from pydantic import AfterValidator, BeforeValidator, create_model

from streams.core.kernel.checks import Bounds, Elsewhere, Entries, marked
from streams.errors import ConfigError, nearest
from streams.settings.sections import Section, split_text

_Part = TypeVar("_Part")

_Text = Annotated[str, pydantic.Field(coerce_numbers_to_str=True)]
_MAPPINGS = (Mapping, dict)


class CoreSection(Section):
    """What settings say of a dataclass of the core."""

    core_type: ClassVar[type]


@dataclass(frozen=True, slots=True)
class _Setting:
    """A field of the core as a setting."""

    field: Field[Any]
    hint: Any
    bounds: Bounds | None

    @property
    def key(self) -> str:
        """Name in the settings."""
        name = self.field.name
        in_ms = self._is_time and name.endswith("_ms")
        return f"{name.removesuffix('_ms')}_seconds" if in_ms else name

    @property
    def entry(self) -> Any:
        """The dataclass whose entries a table has; None for all that is no such table."""
        table = get_args(self.hint)[0] if get_origin(self.hint) is Annotated else self.hint
        inner = get_args(table)[-1] if get_origin(table) in _MAPPINGS else None
        return inner if is_dataclass(inner) else None

    @property
    def is_required(self) -> bool:
        return self.field.default is MISSING and self.field.default_factory is MISSING

    @property
    def default(self) -> Any:
        """As settings write it; of a table with entries only what they say of it."""
        if self.is_required:
            return ...
        if is_dataclass(self.hint):
            return section_of(self.hint)()  # type: ignore[arg-type] # a class, not an instance
        if self.entry:
            return {}
        factory = self.field.default_factory
        value: Any = self.field.default if factory is MISSING else factory()
        return value / 1000 if self._is_time and not isinstance(value, Mapping) else value

    def in_core(self, value: Any) -> Any:
        """What settings write, in the core's unit."""
        if self.bounds is None:
            return value
        if isinstance(value, dict):
            return {name: _in_unit(self.bounds, number) for name, number in value.items()}
        return _in_unit(self.bounds, value)

    @property
    def _is_time(self) -> bool:
        return self.bounds is not None and self.bounds.unit == "ms"


@cache
def section_of(config: type, *, partly: bool = False, removable: bool = False) -> type[CoreSection]:
    """The section for a frozen dataclass: its fields by the settings' names, units and defaults.

    ``partly``: nothing has a default, so that what is not said can stay as it is. ``removable``:
    with ``enabled`` besides, by which the whole is taken away.
    """
    found: dict[str, Any] = {"enabled": (bool, True)} if removable else {}
    for setting in _settings(config):
        kind = _written(setting.hint)
        found[setting.key] = (kind | None, None) if partly else (kind, setting.default)
    section = create_model(config.__name__, __base__=CoreSection, __doc__=config.__doc__, **found)
    section.core_type = config
    return section


def core_part(base: _Part, section: CoreSection, path: str = "") -> _Part:
    """The dataclass ``base`` with what the section at ``path`` says; None says nothing.

    Raises ConfigError under the setting's name, with the value as it is written there.
    """
    return _made(partial(replace, base), base, section, path)  # type: ignore[type-var] # a dataclass


def _made(make: Callable[..., _Part], base: Any, section: CoreSection, path: str) -> _Part:
    values: dict[str, Any] = {}
    for setting in _settings(section.core_type):
        value, name = getattr(section, setting.key), setting.field.name
        if setting.key not in section.model_fields_set or value is None:
            continue
        below = _join(path, setting.key)
        if isinstance(value, CoreSection):
            values[name] = core_part(getattr(base, name), value, below)
        elif setting.entry:
            rules = marked(setting.hint, Entries) or Entries()
            values[name] = _entries(getattr(base, name), value, rules, below)
        else:
            values[name] = setting.in_core(value)
    try:
        return make(**values)
    except ConfigError as error:
        key = _key(error.field, section)
        found = getattr(section, key, None)
        value = error.value if found is None else found
        raise ConfigError(
            error.message, field=_join(path, key), value=value, remedy=error.remedy
        ) from error


def _entries(
    base: Mapping[Any, Any], sections: Mapping[Any, Any], rules: Entries, path: str
) -> dict[Any, Any]:
    """``base`` with what the sections change, add and take away."""
    found = dict(base)
    for name, section in sections.items():
        below, kind = _join(path, name), section.core_type
        known = found.pop(name, rules.known.get(name))
        if rules.removable and not section.enabled:
            continue
        if known is not None:
            found[name] = core_part(known, section, below)
            continue
        for setting in _settings(kind):
            is_needed = setting.is_required or setting.field.name in rules.needs
            if is_needed and getattr(section, setting.key) is None:
                raise ConfigError("missing key", field=_join(below, setting.key), remedy="add it")
        found[name] = _made(kind, None, section, below)
    return found


@cache
def _settings(config: type) -> tuple[_Setting, ...]:
    hints = get_type_hints(config, include_extras=True)
    own = ((field, hints[field.name]) for field in fields(config))
    return tuple(
        _Setting(field, hint, marked(hint, Bounds))
        for field, hint in own
        if not marked(hint, Elsewhere)
    )


def _written(hint: Any) -> Any:
    """The type by which a value of that type of the core is read from settings."""
    origin, args = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return section_of(hint)  # type: ignore[arg-type] # a class, not an instance of one
    if origin is Annotated:
        mark = args[1]
        if isinstance(mark, Bounds):
            kind = float if mark.unit == "ms" else args[0]
            return Annotated[kind, AfterValidator(partial(_inside, mark))]
        return _table(args[0], mark) if isinstance(mark, Entries) else hint
    if origin in _MAPPINGS:
        return _table(hint, None)
    if origin is tuple:
        return Annotated[tuple[_written(args[0]), ...], BeforeValidator(split_text)]
    if origin in (Union, UnionType):
        return Union[tuple(map(_written, args))]  # noqa: UP007 - of a list of types
    return hint


def _table(hint: Any, rules: Entries | None) -> Any:
    names, inner = get_args(hint)
    if rules is not None:
        kind: Any = section_of(inner, partly=True, removable=rules.removable)
    else:
        kind = _Text if inner is str else _written(inner)
    table = dict[str, kind]
    return table if names is str else Annotated[table, AfterValidator(partial(_named, names))]


def _inside(bounds: Bounds, written: float) -> float:
    number = _in_unit(bounds, written)
    scale = 0.001 if bounds.unit == "ms" else 1
    # What rounding brings inside is too large all the same.
    if not bounds.allows(number) or written > bounds.most * scale:
        remedy = bounds.remedy(number, scale)
        raise ConfigError("setting out of range", value=written, remedy=remedy)
    return written


def _in_unit(bounds: Bounds, written: float) -> float:
    number = written * 1000 if bounds.unit == "ms" else written
    return round(number) if bounds.unit == "ms" and math.isfinite(number) else number


def _named(kind: Any, table: dict[str, Any]) -> dict[Any, Any]:
    known = [member.value for member in kind]
    for name in table:
        if name not in known:
            raise ConfigError("unknown name", field=name, value=name, remedy=nearest(name, known))
    return {kind(name): value for name, value in table.items()}


def _key(field: str, section: CoreSection) -> str:
    """Where below the section the value stands that the core calls ``field``.

    The core writes ``actions.*.effect.cpu``: the first of these names that the section has is its
    key, and what follows is a key in the table there.
    """
    names = {setting.field.name: setting.key for setting in _settings(section.core_type)}
    parts = field.split(".")
    start = next((at for at, part in enumerate(parts) if at and part in names), len(parts) - 1)
    first, *rest = parts[start:]
    return ".".join((names.get(first, first), *rest))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
