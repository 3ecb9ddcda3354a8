"""Checks that every configuration of the core makes when it is built."""

from __future__ import annotations

from streams.errors import ConfigError

HOUR_MS = 3_600_000


def require(condition: bool, name: str, value: object, remedy: str) -> None:
    """Raises ConfigError for the setting ``name`` unless the condition holds."""
    if not condition:
        raise ConfigError("setting out of range", field=name, value=value, remedy=remedy)
