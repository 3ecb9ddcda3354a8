"""How the core reads stored state: through a reader that is passed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

ENTITIES = "entities"
"""One ``EntityState`` per entity."""
SERIES = "series"
"""One hot row per entity and metric: last value, count, baseline, next analysis."""
MODELS = "models"
"""Forecaster state per entity and metric."""
TABLES = (ENTITIES, SERIES, MODELS)
"""In the order in which a checkpoint must write them: rules depend on rows, rows on models,
so whatever a crash cuts off is behind what it left, and a replay only has to catch up."""


class StateReader(Protocol):
    """Stored values of one partition."""

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order of ``keys``; None where nothing is stored."""
        ...


class NothingStored:
    """A store without a value, of whoever begins from nothing."""

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """None for every key."""
        return [None] * len(keys)


class Write(NamedTuple):
    """One value to store; ``value`` None deletes."""

    key: bytes
    value: bytes | None
