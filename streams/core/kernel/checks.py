"""What a configuration of the core says of its own values, checked whenever one is built.

A field's type carries its bounds and its unit, so that they are written once: the core checks by
them, and settings are built of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import Annotated, Any, TypeVar, cast, get_args, get_type_hints

from streams.errors import ConfigError

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
CENTURY_MS = 36_525 * DAY_MS
"""Longer times are taken for mistakes."""

_M = TypeVar("_M")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which numbers a value may be; NaN is never one of them."""

    least: float = -inf
    most: float = inf
    above: float | None = None
    below: float | None = None
    """``inf`` for any finite number."""
    unit: str = ""
    """``ms`` for a time, which settings write in seconds: ``lease_ms`` as ``lease_seconds``."""

    def allows(self, number: float) -> bool:
        """Whether the number, in the field's unit, is inside."""
        return (
            self.least <= number <= self.most
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def remedy(self, number: float, scale: float = 1) -> str:
        """What to use instead of ``number``; bounds are written times ``scale``."""
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"use {self.least * scale:.12g} to {self.most * scale:.12g}"
        parts = {
            "{:.12g} or more": self.least,
            "more than {:.12g}": self.above,
            "at most {:.12g}": self.most,
            "less than {:.12g}": self.below,
        }
        words = ["a finite number"] if self.below == inf and not math.isfinite(number) else []
        for text, bound in parts.items():
            if bound is not None and math.isfinite(bound):
                words.append(text.format(bound * scale))
        return f"use {', '.join(words)}"


Finite = Annotated[float, Bounds(above=-inf, below=inf)]
Positive = Annotated[float, Bounds(above=0, below=inf)]
PositiveOrZero = Annotated[float, Bounds(0, below=inf)]
AboveZero = Annotated[float, Bounds(above=0)]
Share = Annotated[float, Bounds(0, 1)]
PositiveShare = Annotated[float, Bounds(above=0, most=1)]
InnerShare = Annotated[float, Bounds(above=0, below=1)]
Count = Annotated[int, Bounds(1)]
CountOrZero = Annotated[int, Bounds(0)]
Time = Annotated[int, Bounds(1, CENTURY_MS, unit="ms")]
TimeOrZero = Annotated[int, Bounds(0, CENTURY_MS, unit="ms")]


@dataclass(frozen=True, slots=True)
class Entries:
    """How settings change the entries of a table by name; what they do not say stays."""

    known: Mapping[Any, Any] = field(default_factory=dict[Any, Any])
    """What an entry begins as that is not in the table."""
    needs: tuple[str, ...] = ()
    """What an entry has to say that begins as nothing, besides what has no default."""
    removable: bool = False
    """Whether ``enabled = false`` takes an entry away."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A value that comes from another setting than one of its own."""


def check(config: object, path: str) -> None:
    """Raises ConfigError for a value of a dataclass outside its bounds; ``path`` leads to it."""
    for name, bounds in _bounded(type(config)):
        for key, number in _numbers(name, getattr(config, name)):
            if not bounds.allows(number):
                raise _out_of_range(f"{path}.{key}", number, bounds.remedy(number))


def require(condition: bool, name: str, value: object, remedy: str) -> None:
    """Raises ConfigError for the setting ``name`` unless the condition holds."""
    if not condition:
        raise _out_of_range(name, value, remedy)


def marked(hint: Any, kind: type[_M]) -> _M | None:
    """What a type carries of that kind, at any depth: its bounds, for instance."""
    for part in get_args(hint):
        found = part if isinstance(part, kind) else marked(part, kind)
        if found is not None:
            return found
    return None


@cache
def _bounded(config: type) -> tuple[tuple[str, Bounds], ...]:
    hints = get_type_hints(config, include_extras=True)
    found = ((name, marked(hint, Bounds)) for name, hint in hints.items())
    return tuple((name, bounds) for name, bounds in found if bounds is not None)


def _numbers(name: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, number in cast("Mapping[str, float]", value).items():
            yield f"{name}.{key}", number
    elif value is not None:
        yield name, cast("float", value)


def _out_of_range(name: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("setting out of range", field=name, value=value, remedy=remedy)
