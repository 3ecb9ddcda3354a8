"""Event time waits for the engine, as it would if it were the time of the wall.

An hour of the replay passes in a tenth of a second, and so long takes a way through broker, engine
and handlers. In real time that is nothing; so the clock stands while a plan is carried out, or
while the engine has not learned yet what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from streams.demo.scenario import HOUR_MS, Resource
from streams.errors import UnknownName
from streams.records import PlanStatus

MOST_LAG_MS = HOUR_MS
"""Event time between what was sent last and what was learned last."""
MOST_WAIT_SECONDS = 5.0
"""Longest time for which a plan stops the clock."""
_MANY = 1000
"""More plans than are kept of all resources."""


class Engine(Protocol):
    """The worker's views, as far as they matter here."""

    def newest(self, entity: str, metric: str) -> int:
        """Event time of the newest value learned, ms; raises UnknownName without any."""
        ...

    def scan(self, table: str, after: str, limit: int) -> tuple[list[tuple[str, object]], bool]:
        """Rows of a view by key, and whether more follow."""
        ...


class ClockGate:
    """Whether the clock may go on."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._acting_since: float | None = None

    def must_wait(self, sent: Mapping[Resource, int]) -> bool:
        """``sent`` has the event time of the newest reading sent of each resource, ms."""
        return self._is_acting() or any(
            timestamp - self._learned(resource, timestamp) > MOST_LAG_MS
            for resource, timestamp in sent.items()
        )

    def _learned(self, resource: Resource, sent: int) -> int:
        """What was learned last, or what was ``sent`` where nothing was learned at all."""
        try:
            return self._engine.newest(resource.entity_id, resource.metric)
        except UnknownName:
            return sent

    def _is_acting(self) -> bool:
        plans, _ = self._engine.scan("plans", "", _MANY)
        if all(cast(Any, plan)["status"] != PlanStatus.RUNNING for _, plan in plans):
            self._acting_since = None
            return False
        now = self._monotonic()
        if self._acting_since is None:
            self._acting_since = now
        return now - self._acting_since < MOST_WAIT_SECONDS
