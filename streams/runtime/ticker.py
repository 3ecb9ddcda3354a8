"""Time that passes for entities that send nothing: event time runs on at the pace of the wall.

Plans fall due, leases end and effects are to be measured also where no record arrives. The worker
then writes a ``entity.tick`` command: a record like any other, so a replay sees the same ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from streams.core.kernel.ids import stable_id
from streams.core.kernel.names import ENGINE
from streams.core.kernel.timers import TICK, Due
from streams.core.partition import Partition
from streams.errors import Unavailable
from streams.records import Command
from streams.runtime.engine import Engine
from streams.runtime.publisher import Publisher

log = structlog.get_logger(__name__)

COMMANDS = "commands"
REPEAT_MS = 30_000
"""After this long without effect a tick is written again."""


async def keep_ticking(
    engine: Engine,
    owned: Callable[[], frozenset[int]],
    publisher: Publisher,
    now_ms: Callable[[], int],
    seconds: float,
) -> None:
    """Every ``seconds``, write the ticks that are due; runs until it is cancelled."""
    ticker, loaded = Ticker(now_ms), dict[int, Partition]()
    while True:
        await asyncio.sleep(seconds)
        timers: dict[str, Due] = {}
        for number in owned():
            part = engine.partition(number)
            if loaded.get(number) is not part:
                await engine.load_timers(number)
                loaded[number] = part
            timers |= part.timers
        if ticks := ticker.due(timers):
            try:
                await publisher.publish(COMMANDS, ticks)
            except Unavailable as error:
                log.warning("ticks could not be written", error=str(error))


class _Heard(NamedTuple):
    clock: int
    """Event time of the entity's newest record."""
    moment: int
    """When that was first seen, worker's clock."""


class Ticker:
    """Decides which entities of a worker need a tick."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """``now_ms`` is the worker's clock; only its pace matters."""
        self._now_ms = now_ms
        self._heard: dict[str, _Heard] = {}
        self._written: dict[str, tuple[int, int]] = {}
        """Entity -> the wake-up that was answered, and when."""

    def due(self, timers: Mapping[str, Due]) -> list[Command]:
        """Ticks for the entities whose wake-up (event time) has come; all others are forgotten."""
        now = self._now_ms()
        for known in (self._heard, self._written):
            for entity in known.keys() - timers.keys():
                del known[entity]
        ticks: list[Command] = []
        for entity, due in timers.items():
            heard = self._heard.get(entity)
            if heard is None or heard.clock != due.clock:
                heard = self._heard[entity] = _Heard(due.clock, now)
            time = due.clock + now - heard.moment
            if time >= due.at and not self._is_written(entity, due.at, now):
                self._written[entity] = (due.at, now)
                ticks.append(_tick(entity, due, max(time, due.at)))
        return ticks

    def _is_written(self, entity: str, at: int, now: int) -> bool:
        answered, when = self._written.get(entity, (-1, 0))
        return answered == at and now - when < REPEAT_MS


def _tick(entity: str, due: Due, time: int) -> Command:
    return Command(
        entity_id=entity,
        entity_type=due.entity_type,
        timestamp=time,
        command_id=stable_id("tick", entity, due.at, time),
        command=TICK,
        issued_by=ENGINE,
    )
