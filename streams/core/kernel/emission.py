"""What the core gives back."""

from __future__ import annotations

from dataclasses import dataclass

from streams.records import Action, Record


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record was read: logical topic, partition, offset."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Emission:
    """A record to publish on a logical topic, keyed by its entity."""

    topic: str
    record: Record
    cause: Position
    """The input record that led to it; emissions leave in the order of these."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """An action whose handler is to run once this decision is durable."""

    action: Action
    cause: Position
    resumed: bool
    """True when an earlier run of the engine accepted it and no outcome is known: it may or may
    not have been carried out."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An input record that was well formed and makes no sense; it goes to the dead letters."""

    offset: int
    reason: str
    detail: str
