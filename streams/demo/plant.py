"""The simulated side of the demo: resources whose load spreads over units that can be added.

A recorded value is what it would be with the units of then. With more of them, the replayed value
is smaller in proportion, so an action really changes what is measured after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.core.ids import stable_id
from streams.demo.scenario import Resource
from streams.records import Event
from streams.runtime.handlers import Handler, HandlerRegistry

SCALE_OUT = "scale_out"
SCALE_IN = "scale_in"
MOST = 4
"""A resource grows to this many times its units."""


@dataclass(slots=True)
class _Running:
    resource: Resource
    units: int
    current: float = math.nan
    """Value measured last."""
    changes: int = 0
    unreported: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Units before and after, per change."""


class Plant:
    """All resources. Not thread-safe: handlers and replay share one event loop."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._running = {each.entity_id: _Running(each, each.units) for each in resources}

    def measure(self, resource: Resource, recorded: float) -> float:
        """The value that is measured where ``recorded`` was, with the units of now."""
        running = self._running[resource.entity_id]
        share = resource.units / running.units
        running.current = resource.floor + (recorded - resource.floor) * share
        return running.current

    def units(self, entity_id: str) -> int:
        return self._running[entity_id].units

    def current(self, entity_id: str) -> float:
        """Value measured last; NaN before the first."""
        return self._running[entity_id].current

    def can_spare(self, entity_id: str) -> bool:
        """Whether with one unit less the value would still be well below its target."""
        running = self._running[entity_id]
        resource = running.resource
        if running.units <= resource.units:
            return False
        load = (running.current - resource.floor) * running.units
        return resource.floor + load / (running.units - 1) < 0.95 * resource.target

    def handlers(self) -> HandlerRegistry:
        """What carries out the actions."""
        return HandlerRegistry(
            [Handler(SCALE_OUT, self._scale_out), Handler(SCALE_IN, self._scale_in)]
        )

    def take_events(self, now: int) -> list[Event]:
        """An event for each change since the last call, dated ``now`` (event time, ms)."""
        events: list[Event] = []
        for entity_id, running in self._running.items():
            for before, after in running.unreported:
                running.changes += 1
                events.append(
                    Event(
                        entity_id=entity_id,
                        entity_type=running.resource.entity_type,
                        timestamp=now,
                        event_id=stable_id("demo", "event", entity_id, running.changes),
                        event_type="capacity_changed",
                        source="demo",
                        metadata={
                            "of": running.resource.unit_name,
                            "before": str(before),
                            "after": str(after),
                        },
                    )
                )
            running.unreported.clear()
        return events

    async def _scale_out(self, params: dict[str, str], _goal_id: str) -> dict[str, object]:
        """Add the units that bring the metric down to ``aim``."""
        running = self._running[params["resource"]]
        floor, aim = running.resource.floor, float(params["aim"])
        if not aim > floor:
            raise ValueError(f"aim is {aim:g}; use a value above {floor:g}")
        needed = math.ceil(running.units * (running.current - floor) / (aim - floor))
        most = running.resource.units * MOST
        wanted = min(max(running.units + 1, needed), most)
        if wanted <= running.units:
            return {
                "success": False,
                "error": f"all {most} {running.resource.unit_name} are in use",
            }
        return self._change(running, wanted)

    async def _scale_in(self, params: dict[str, str], _goal_id: str) -> dict[str, object]:
        """Give one unit back, but never one of the first."""
        running = self._running[params["resource"]]
        if running.units <= running.resource.units:
            return {"success": False, "error": f"no {running.resource.unit_name} to give back"}
        return self._change(running, running.units - 1)

    def _change(self, running: _Running, units: int) -> dict[str, object]:
        before, running.units = running.units, units
        running.unreported.append((before, units))
        resource = running.resource
        expected = (running.current - resource.floor) * (before / units - 1)
        return {
            "output": f"{before} to {units} {resource.unit_name}",
            "impact": {resource.metric: expected},
        }
