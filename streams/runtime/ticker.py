"""Time that passes for entities that send nothing: event time runs on at the pace of the wall.

Plans fall due, leases end and effects are to be measured also where no record arrives. The worker
then writes a ``entity.tick`` command: a record like any other, so a replay sees the same ticks.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import structlog

from streams.core.kernel.ids import stable_id
from streams.core.kernel.names import ENGINE
from streams.core.kernel.timers import TICK, Due
from streams.core.partition import Partition
from streams.errors import Stalled, Unavailable
from streams.records import Command, Record
from streams.runtime.engine import Engine

log = structlog.get_logger(__name__)

COMMANDS = "commands"
REPEAT_MS = 30_000
"""After this long without effect a tick is written again."""


class Publish(Protocol):
    def __call__(self, logical: str, records: Sequence[Record], /) -> Awaitable[object]: ...


async def keep_ticking(
    engine: Engine,
    owned: Callable[[], frozenset[int]],
    publish: Publish,
    now_ms: Callable[[], int],
    seconds: float,
    stall_seconds: float,
) -> None:
    """Every ``seconds``, write the ticks that are due; runs until it is cancelled.

    Raises Stalled when that takes longer than ``stall_seconds``.
    """
    tickers: dict[int, tuple[Partition, Ticker]] = {}
    while True:
        await asyncio.sleep(seconds)
        try:
            async with asyncio.timeout(stall_seconds) as timer:
                await _tick_all(tickers, engine, owned, publish, now_ms)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise Stalled(
                f"timers were not looked at for {stall_seconds:.0f} s",
                field="worker.stall_seconds",
                value=stall_seconds,
                remedy="the process ends and should be restarted; look at broker and disk",
            ) from error


async def _tick_all(
    tickers: dict[int, tuple[Partition, Ticker]],
    engine: Engine,
    owned: Callable[[], frozenset[int]],
    publish: Publish,
    now_ms: Callable[[], int],
) -> None:
    ticks: list[Command] = []
    for number in owned():
        part = engine.partition(number)
        if number not in tickers or tickers[number][0] is not part:
            await engine.load_timers(number)
            tickers[number] = part, Ticker(now_ms)
        ticks += tickers[number][1].due(part.timers.take_changes())
    if ticks:
        try:
            await publish(COMMANDS, ticks)
        except Unavailable as error:
            log.warning("ticks could not be written", error=str(error))


class _Watched(NamedTuple):
    due: Due
    heard: int
    """When the entity's newest record was first seen, worker's clock, ms."""
    moment: int
    """When its next tick is to be written, worker's clock, ms."""


class Ticker:
    """Decides which entities of a partition need a tick: a heap of moments, the next one first."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """``now_ms`` is the worker's clock; only its pace matters."""
        self._now_ms = now_ms
        self._watched: dict[str, _Watched] = {}
        self._heap: list[tuple[int, str]] = []
        """Moments by entity; one that is not the entity's own any more is passed over."""

    def due(self, changes: Mapping[str, Due | None]) -> list[Command]:
        """Ticks for the entities whose moment (event time) has come.

        ``changes``: when entities are due, since the last call; None for what is over.
        """
        now = self._now_ms()
        for entity, due in changes.items():
            self._note(entity, due, now)
        ticks: list[Command] = []
        while self._heap and self._heap[0][0] <= now:
            moment, entity = heapq.heappop(self._heap)
            watched = self._watched.get(entity)
            if watched is None or watched.moment != moment:
                continue
            due = watched.due
            ticks.append(_tick(entity, due, max(due.clock + now - watched.heard, due.at)))
            self._watch(entity, watched._replace(moment=now + REPEAT_MS))
        return ticks

    def _note(self, entity: str, due: Due | None, now: int) -> None:
        known = self._watched.get(entity)
        if due is None:
            self._watched.pop(entity, None)
        elif known is None or known.due.clock != due.clock:
            self._watch(entity, _Watched(due, now, now + due.at - due.clock))
        elif known.due.at != due.at:
            self._watch(entity, _Watched(due, known.heard, known.heard + due.at - due.clock))

    def _watch(self, entity: str, watched: _Watched) -> None:
        self._watched[entity] = watched
        heapq.heappush(self._heap, (watched.moment, entity))


def _tick(entity: str, due: Due, time: int) -> Command:
    return Command(
        entity_id=entity,
        entity_type=due.entity_type,
        timestamp=time,
        command_id=stable_id("tick", entity, due.at, time),
        command=TICK,
        issued_by=ENGINE,
    )
