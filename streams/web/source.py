"""What the views need from a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Health:
    """An answer to a probe."""

    ok: bool
    reason: str = ""
    """Why it is not ok, in words for an operator; empty when it is."""
    detail: dict[str, object] = field(default_factory=dict[str, object])
    """JSON-able facts, e.g. phase, partitions, recovery progress. Probes are open: no secrets."""


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


class ViewSource(Protocol):
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
