"""The simulated side of the demo: resources whose load spreads over units that can be added.

A recorded value is what it would be with the units of then. With more of them, the replayed value
is smaller in proportion, so an action really changes what is measured after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.core.kernel.ids import stable_id
from streams.core.planning.config import ActionSpec
from streams.demo.scenario import ADD_HALF, ADD_UNIT, DRAIN, MOST, SCALE_IN, Resource
from streams.records import Event, GoalType
from streams.runtime.handlers import Handler, HandlerRegistry

CHANGED = "capacity_changed"
"""Type of the event about a change of units."""
EFFECT_ID = "effect_id"
"""Name of the parameter, and in the metadata of an event, of what an action stands for."""
DRAINED = "drained"
"""Fact that holds once the units that are given back carry no load."""


class _UnitChange(NamedTuple):
    before: int
    after: int
    effect_id: str


@dataclass(slots=True)
class _Running:
    resource: Resource
    units: int
    drained: int = 0
    """Units that are there and carry nothing."""
    current: float = math.nan
    """Value measured last."""
    load: float = math.nan
    """All that the units carried together then."""
    changes: int = 0
    unreported: list[_UnitChange] = field(default_factory=list[_UnitChange])
    done: dict[str, str] = field(default_factory=dict[str, str])
    """Effects that were brought about already, and what was said of them."""

    def value(self, units: int) -> float:
        """What would be measured under the load of now with so many units."""
        return self.resource.floor + self.load / units


class Plant:
    """All resources. Not thread-safe: handlers and replay share one event loop."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._running = {each.entity_id: _Running(each, each.units) for each in resources}

    def measure(self, resource: Resource, recorded: float) -> float:
        """The value that is measured where ``recorded`` was, with the units of now."""
        running = self._running[resource.entity_id]
        running.load = resource.load(recorded)
        running.current = running.value(running.units - running.drained)
        return running.current

    def units(self, entity_id: str) -> int:
        return self._running[entity_id].units

    def current(self, entity_id: str) -> float:
        """Value measured last; NaN before the first."""
        return self._running[entity_id].current

    def handlers(self) -> HandlerRegistry:
        """What carries out the actions, and what the catalogue is told of them.

        Each may be run again for the same effect: that changes nothing.
        """
        resources = [running.resource for running in self._running.values()]
        units = tuple(resource.unit_name for resource in resources)
        return HandlerRegistry(
            [
                self._adding(ADD_UNIT, resources, lambda _: 1),
                self._adding(ADD_HALF, resources, half),
                Handler(
                    DRAIN,
                    self._drain,
                    idempotent=True,
                    undo=self._undrain,
                    spec=ActionSpec(provides=(DRAINED,)),
                ),
                Handler(
                    SCALE_IN,
                    self._scale_in,
                    idempotent=True,
                    spec=ActionSpec(
                        goal_types=(GoalType.COST_REDUCTION,), metrics=units, requires=(DRAINED,)
                    ),
                ),
            ]
        )

    def take_events(self, now: int) -> list[Event]:
        """An event for each change since the last call, dated ``now`` (event time, ms)."""
        events: list[Event] = []
        for entity_id, running in self._running.items():
            for change in running.unreported:
                running.changes += 1
                events.append(
                    Event(
                        entity_id=entity_id,
                        entity_type=running.resource.entity_type,
                        timestamp=now,
                        event_id=stable_id("demo", "event", entity_id, running.changes),
                        event_type=CHANGED,
                        source="demo",
                        metadata={
                            "of": running.resource.unit_name,
                            "before": str(change.before),
                            "after": str(change.after),
                            EFFECT_ID: change.effect_id,
                        },
                    )
                )
            running.unreported.clear()
        return events

    # -- actions ------------------------------------------------------------------------------

    def _adding(
        self, name: str, resources: Iterable[Resource], more: Callable[[int], int]
    ) -> Handler:
        """``more`` units than there are, of which there may be MOST times those at first."""

        async def add(params: dict[str, str], _goal_id: str) -> Mapping[str, object]:
            running = self._running[params["entity_id"]]
            if done := running.done.get(params[EFFECT_ID]):
                return {"output": done}
            most = running.resource.units * MOST
            wanted = min(running.units + more(running.units), most)
            if wanted == running.units:
                return _refused(f"all {most} {running.resource.unit_name} are in use")
            return self._change(running, wanted, params[EFFECT_ID])

        effect = {each.metric: _effect(each, more(each.units)) for each in resources}
        spec = ActionSpec(metrics=tuple(effect), effect=effect)
        return Handler(name, add, idempotent=True, spec=spec)

    async def _drain(self, params: dict[str, str], _goal_id: str) -> Mapping[str, object]:
        """Take the load off the units above the goal's target."""
        running = self._running[params["entity_id"]]
        if done := running.done.get(params[EFFECT_ID]):
            return {"output": done}
        running.drained = max(0, running.units - _wanted(running, params))
        said = f"{running.drained} {running.resource.unit_name} carry nothing"
        running.done[params[EFFECT_ID]] = said
        return {"output": said}

    async def _undrain(self, params: dict[str, str], _goal_id: str) -> Mapping[str, object]:
        """Let all units carry load again."""
        running = self._running[params["entity_id"]]
        running.drained = 0
        running.done.pop(params[EFFECT_ID], None)
        return {"output": f"all {running.units} {running.resource.unit_name} carry load"}

    async def _scale_in(self, params: dict[str, str], _goal_id: str) -> Mapping[str, object]:
        """Give back the units above the goal's target, never one of the first.

        Refuses when the load of now is too much for the others: it has risen since the goal.
        """
        running = self._running[params["entity_id"]]
        if done := running.done.get(params[EFFECT_ID]):
            return {"output": done}
        resource, wanted = running.resource, _wanted(running, params)
        if wanted >= running.units:
            return _refused(f"no {resource.unit_name} to give back")
        left = running.value(wanted)
        if left > resource.target:
            metric = f"{resource.metric} {left:.4g}"
            return _refused(f"{wanted} {resource.unit_name} would mean {metric}")
        return self._change(running, wanted, params[EFFECT_ID])

    def _change(self, running: _Running, units: int, effect_id: str) -> Mapping[str, object]:
        resource, before = running.resource, running.units
        running.units, running.drained = units, 0
        running.unreported.append(_UnitChange(before, units, effect_id))
        said = running.done[effect_id] = f"{before} to {units} {resource.unit_name}"
        return {
            "output": said,
            "impact": {
                resource.metric: running.value(units) - running.value(before),
                resource.unit_name: float(units - before),
            },
        }


def half(units: int) -> int:
    """Half as many again, and at least two."""
    return max(2, math.ceil(units / 2))


def _effect(resource: Resource, more: int) -> float:
    """What ``more`` units change at the limit, with the units of the beginning."""
    return -(resource.limit - resource.floor) * more / (resource.units + more)


def _wanted(running: _Running, params: Mapping[str, str]) -> int:
    """Units that the goal asks for, and not fewer than there were at first."""
    return max(running.resource.units, math.ceil(float(params["target_value"])))


def _refused(why: str) -> Mapping[str, object]:
    return {"success": False, "error": why}
