"""What a feature is: a slice of each entity, and what happens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from streams.core.kernel.commands import CommandSpec
from streams.core.kernel.entity import Entity
from streams.core.kernel.model_results import Detection, SeriesForecast
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn
from streams.records import Record

Handler = Callable[[Turn, Any], None]


class Objection(NamedTuple):
    """Why a record is not believed."""

    reason: str
    """Stable code, for the dead letter."""
    detail: str


@dataclass(frozen=True, slots=True)
class View:
    """A table that people can read."""

    name: str
    """Without a slash."""
    description: str
    key: str
    """``entity``, or ``entity/...`` where an entity has several rows."""
    rows: Callable[[Entity], Mapping[str, Any]]
    """Rows of an entity by the second part of their keys, "" where there is none; empty where the
    entity has no row. Rows are structs, or made of what JSON knows."""


class Feature:
    """Base of all features, and the public way to extend the engine.

    Every method may be left out. A feature is deterministic: it sees the turn and its own slice,
    and reads no clock, file or random source. It changes slices that came from ``turn.edit`` only,
    and keeps nothing of an entity outside of them. Features run in the order of one list; one may
    read the slices of those before it.
    """

    name: ClassVar[str]
    """Key of its slice and of its timer, and of its section in the settings."""
    State: ClassVar[type[Slice] | None] = None
    """Its slice; None for a feature that remembers nothing."""
    settings: ClassVar[type[Any] | None] = None
    """Its section of the settings: a frozen dataclass with a default for every field. The feature
    is made with one of these."""

    def handlers(self) -> Mapping[type[Record], Handler]:
        """What to do with a record that the entity does not include yet, by type. Records with an
        id come once, however often they are sent."""
        return {}

    def commands(self) -> Sequence[CommandSpec[Any]]:
        """Commands that it understands."""
        return ()

    def views(self) -> Sequence[View]:
        """Tables that it shows."""
        return ()

    def on_time(self, turn: Turn) -> None:
        """Event time has moved on: before a record is handled, and after a watched value."""

    def on_value(self, turn: Turn, metric: str) -> None:
        """The newest value of a metric, where it is watched, due for analysis or past its limit."""

    def on_detection(self, turn: Turn, metric: str, detection: Detection) -> None:
        """What the models noticed at a value. Later values may already be learned: nothing here
        reads series."""

    def on_analysis(self, turn: Turn, metric: str, forecast: SeriesForecast) -> None:
        """A metric is analysed, with its forecast as published."""

    def objection(self, turn: Turn, record: Record) -> Objection | None:
        """Why a record that is well formed is not to be believed; nothing is handled then, and its
        ids are not taken."""
        return None

    def on_known(self, turn: Turn, record: Record) -> None:
        """A record that the entity already includes is read again, after a restart."""

    def after(self, turn: Turn) -> None:
        """The record, its analyses and all that came of it are done."""

    def due_at(self, turn: Turn) -> int | None:
        """Event time (ms) at which ``on_due`` is to run although no record may come; None for
        none. Asked at the end of every turn; it looks at slices alone."""
        return None

    def on_due(self, turn: Turn) -> None:
        """The moment of ``due_at`` has come."""

    def watches(self, entity: Entity, metric: str) -> bool:
        """Whether every value of the metric is to come to ``on_value``. Where that changes, the
        metric goes to ``turn.changed_metrics``."""
        return False

    def metrics(self, entity: Entity) -> Iterable[str]:
        """Metrics that its decisions about the entity may depend on."""
        return ()
