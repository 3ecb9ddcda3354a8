"""What the views need from a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from streams.core.capacity.capacity_report import CapacityReport
from streams.core.kernel.commands import CommandSpec
from streams.core.kernel.model_results import RunningAccuracy, SeriesForecast
from streams.core.patterns.learner import Analysis
from streams.records import Event, Record
from streams.runtime.publisher import Written
from streams.runtime.results import Result


@dataclass(frozen=True, slots=True)
class Health:
    """An answer to a probe."""

    ok: bool
    reason: str = ""
    """Why it is not ok, in words for an operator; empty when it is."""
    detail: dict[str, object] = field(default_factory=dict[str, object])
    """JSON-able facts, e.g. phase, partitions, recovery progress. Probes are open: no secrets."""


def status_of(live: Health, ready: Health) -> str:
    """ok, not_ready or failing."""
    if not live.ok:
        return "failing"
    return "ok" if ready.ok else "not_ready"


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A named view that can be read."""

    name: str
    """Without a slash."""
    description: str
    key: str
    """What a key is, e.g. ``entity``, ``entity/metric``, ``goal id``."""
    by_entity: bool = True
    """Whether the key alone tells the entity, and so the worker that has the row."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in ascending order of ``ViewSource.order`` of their keys."""

    items: Sequence[tuple[str, object]]
    """(key, JSON-able value)."""
    next: str | None = None
    """Key for ``after`` that continues the page; None when nothing follows. In the order of the
    rows it is not before any row of the page, and no unseen row is before or at it."""


class History(NamedTuple):
    """What was measured of one series."""

    points: int
    """Values learned."""
    newest: int
    """Event time of the newest value, ms."""
    recent: Sequence[float]
    """The newest values, oldest first; empty when no model keeps them."""


class SeriesSource(Protocol):
    """The series of one worker. The entities asked for are in partitions that it owns.

    UnknownName of the field ``metric`` is raised for a series that was never measured.
    """

    def methods(self) -> Sequence[str]:
        """Names of the forecasters that run, the default first; the same for the whole life."""
        ...

    def min_points(self) -> int:
        """Values that a series needs before it is forecast."""
        ...

    def history(self, entity: str, metric: str) -> History: ...

    def forecast(
        self, entity: str, metric: str, horizon: int, level: float, method: str
    ) -> SeriesForecast | None:
        """The next ``horizon`` steps with intervals that hold ``level`` (0..1) of the values.

        ``method`` is one of ``methods()``, or "" for the first that is ready. None when there are
        too few values, or the method is not ready.
        """
        ...

    def accuracy(self, entity: str, metric: str) -> RunningAccuracy: ...

    def capacity_report(self) -> CapacityReport:
        """What every resource can carry, and from which share of that on it is in which state."""
        ...

    def analyse(self, events: Sequence[Event]) -> Analysis:
        """The patterns of these events alone, which are of one entity. It may take a while for
        thousands of them, and may be called from any thread."""
        ...

    async def publish(self, logical: str, records: Sequence[Record]) -> Sequence[Written]:
        """Write records to a logical topic and wait for the broker, in the given order.

        Raises InvalidRecord before anything is written, Unavailable when the broker is.
        """
        ...


@dataclass(frozen=True, slots=True)
class AutonomyFacts:
    """What a worker was told of autonomy, and what it can carry out."""

    autonomous: bool
    """Whether goals are set and pursued without a person, unless a command said otherwise."""
    mode: str
    """observe, recommend, approve or act, unless a command said otherwise."""
    auto_goal_setting: bool
    analysis_ms: int
    """Event time between two analyses of a series."""
    breach_probability: float
    """Predicted probability from which a breach becomes a goal, 0..1."""
    limits: Mapping[str, float]
    """Metric to the value whose crossing is a breach."""
    learning: bool
    min_samples: int
    """Outcomes of an action that are needed before its rate counts."""
    actions: frozenset[str]
    """Action types of the catalogue that no agent of their own carries out."""
    handlers: frozenset[str]
    """Action types that this worker has a handler for."""


class AutonomySource(Protocol):
    """What one worker knows of autonomy beyond its tables, and how it is stopped."""

    def autonomy(self) -> AutonomyFacts: ...

    def halted(self) -> str:
        """Why no action of a plan starts on this worker; empty when they do."""
        ...

    def halt(self, reason: str) -> None:
        """From now on no action of a plan starts on this worker, also after a restart. Needs no
        broker. Raises Unavailable when that cannot be stored."""
        ...

    def release(self) -> None:
        """Take ``halt`` back; nothing when it was not called."""
        ...

    def known_commands(self) -> Mapping[str, CommandSpec[Any]]:
        """Commands that the worker's features understand, by name."""
        ...

    async def result(
        self, logical: str, partition: int, offset: int, seconds: float
    ) -> Result | None:
        """What became of a record of an owned partition of ``commands`` or ``goals``; None when
        that is not known within ``seconds``."""
        ...

    async def broadcast(self, logical: str, record: Record) -> Sequence[Written]:
        """Write a record to every partition of a logical topic; raises like ``publish``."""
        ...


class ViewSource(SeriesSource, AutonomySource, Protocol):
    """A worker as the views see it. Called from the event loop: no call may block for long.

    A key may be anything without control characters. A malformed one may be refused with
    InvalidRecord, which becomes a 400.
    """

    def live(self) -> Health:
        """Whether the process still does its work; a supervisor restarts it when not."""
        ...

    def ready(self) -> Health:
        """Not ok while recovering, rebalancing or stalled."""
        ...

    def tables(self) -> Sequence[TableInfo]: ...

    def get(self, table: str, key: str) -> object | None:
        """The JSON-able row; None when it is not in a partition that this worker owns."""
        ...

    def scan(self, table: str, after: str, limit: int) -> Page:
        """Up to ``limit`` rows of owned partitions behind ``after`` ("" for the first)."""
        ...

    def order(self, table: str, key: str) -> tuple[str, ...]:
        """What the rows of a table are ordered by, the same on every worker."""
        ...

    def partition_count(self) -> int:
        """Partitions that the entities are spread over, in the whole group; 0 while unknown."""
        ...

    def partition_of(self, entity_id: str) -> int:
        """0 .. ``partition_count() - 1``; asked only when the count is known."""
        ...

    def owned(self) -> frozenset[int]:
        """Partitions that this worker owns and has recovered."""
        ...

    def entity_of(self, table: str, key: str) -> str | None:
        """The entity that decides the partition; None when the key does not tell it."""
        ...
