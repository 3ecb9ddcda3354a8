"""One root error; every error says what is wrong, with which value, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GoalstreamError(Exception):
    """Root of every error this package raises on purpose.

    ``field`` names the setting, record field or argument at fault, ``value`` is what was
    found there (never a secret), ``remedy`` tells the operator what to do next.
    """

    def __init__(
        self, message: str, *, field: str = "", value: object = None, remedy: str = ""
    ) -> None:
        self.message = message
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(self._text())

    def _text(self) -> str:
        parts = [self.message]
        if self.field:
            parts.append(f"field {self.field!r}, value {self.value!r}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)


class ConfigError(GoalstreamError, ValueError):
    """A setting is unknown, missing or out of range."""


class InvalidRecord(GoalstreamError, ValueError):
    """A record cannot be used: a field is missing, of the wrong type or out of range."""


class UnknownName(GoalstreamError, LookupError):
    """A forecaster, handler, topic, table or rule is not registered under the given name."""


class StateError(GoalstreamError, RuntimeError):
    """Stored state cannot be used: wrong version, damaged, or held by another process."""


class Unavailable(GoalstreamError, ConnectionError):
    """A broker, registry or peer does not answer."""


class Stalled(GoalstreamError, RuntimeError):
    """Nothing progresses any more; the process ends so that a supervisor can restart it."""


class WorkerFailed(GoalstreamError, RuntimeError):
    """Something that no rule foresaw was raised while a worker did its work; the cause is with
    it. The process ends, since its state may be half applied."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """A remedy for an unknown name: the closest valid one, or all of them when none is close."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"use one of: {', '.join(names)}" if names else "remove it"
