"""Sends the recorded readings when their time has come, and everything else along the way."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from streams.core.kernel.ids import stable_id
from streams.demo.clock import ReplayClock
from streams.demo.pace import ClockGate
from streams.demo.plant import Plant
from streams.demo.scenario import DEMAND_EVERY_MS, RESOURCES, Resource, user_goal
from streams.demo.series import Reading
from streams.records import Command, Event, Metric, Record
from streams.runtime.kafka import Sender
from streams.wire.framing import HEADER_SIZE

TICK_SECONDS = 0.05
USER_GOAL_AT = 0.2
"""Share of the replay after which the user asks for something."""
_ENTITY = "web"
_UNKNOWN_ID = 1_999_999_999


class Replay:
    """One run through all readings."""

    def __init__(
        self,
        readings: Sequence[Reading],
        clock: ReplayClock,
        sender: Sender,
        plant: Plant,
        pace: ClockGate,
    ) -> None:
        self._readings = readings
        self._clock = clock
        self._sender = sender
        self._plant = plant
        self._pace = pace
        self._next = 0
        self._sent: dict[Resource, int] = {}
        """Event time of the newest reading sent, ms."""
        self._told: dict[str, int] = {}
        """Entity -> event time at which its demand was last sent, ms."""
        self.bad = 0
        """Messages sent that cannot be used."""

    async def run(self, each_tick: Callable[[], None]) -> None:
        """Start the clock and return when the last reading is sent."""
        clock = self._clock
        bad = bad_messages(self._sender.encode, clock.start)
        bad_at = [(number + 1) / (len(bad) + 1) for number in range(len(bad))]
        asked = False
        self._begin()
        clock.run()
        while self._next < len(self._readings):
            await asyncio.sleep(TICK_SECONDS)
            if self._pace.must_wait(self._sent):
                clock.hold()
            else:
                clock.advance()
            progress, now = clock.progress, clock.now_ms()
            self._send_readings(now)
            while bad_at and bad_at[0] <= progress:
                bad_at.pop(0)
                self._sender.send_bytes(*bad.pop(0))
                self.bad += 1
            if not asked and progress >= USER_GOAL_AT:
                asked = True
                self._sender.send("goals", user_goal(now))
            self.report(now)
            each_tick()

    def report(self, now: int) -> None:
        """Send what the resources have to say."""
        for event in self._plant.take_events(now):
            self._sender.send("events", event)

    def _begin(self) -> None:
        for resource in RESOURCES:
            event = Event(
                entity_id=resource.entity_id,
                entity_type=resource.entity_type,
                timestamp=self._clock.start,
                event_id=stable_id("demo", "begin", resource.entity_id),
                event_type="replay_started",
                source=resource.file,
            )
            self._sender.send("events", event)

    def _send_readings(self, now: int) -> None:
        while self._next < len(self._readings) and self._readings[self._next].timestamp <= now:
            timestamp, resource, recorded = self._readings[self._next]
            self._next += 1
            self._sent[resource] = timestamp
            measured = {resource.metric: self._plant.measure(resource, recorded)}
            entity = resource.entity_id
            if timestamp - self._told.get(entity, 0) >= DEMAND_EVERY_MS:
                self._told[entity] = timestamp
                measured[resource.demand] = resource.load(recorded)
                measured[resource.unit_name] = self._plant.units(entity)
            for name, value in measured.items():
                metric = Metric(
                    entity_id=entity,
                    entity_type=resource.entity_type,
                    timestamp=timestamp,
                    name=name,
                    value=value,
                    unit=resource.unit if name == resource.metric else "",
                    source=resource.file,
                )
                self._sender.send("metrics", metric)


class Message(NamedTuple):
    """A message as it goes out."""

    topic: str
    """Logical name."""
    key: bytes | None
    value: bytes | None


def bad_messages(encode: Callable[[str, Record], bytes], timestamp: int) -> list[Message]:
    """What nobody can use, one of each kind: each must end as exactly one dead letter.

    ``timestamp``: event time, ms, of those that have one. ``encode`` makes the value for a
    logical topic of a record.
    """
    key = _ENTITY.encode()
    good = Metric(entity_id=_ENTITY, timestamp=timestamp, name="cpu_utilization", value=1.0)
    value = encode("metrics", good)
    unknown = value[:1] + _UNKNOWN_ID.to_bytes(4, "big") + value[HEADER_SIZE:]
    command = Command(
        entity_id=_ENTITY,
        timestamp=timestamp,
        command_id=stable_id("demo", "command", timestamp),
        command="goal.abolish",
    )
    unusable = (
        None,
        b'{"entity_id": "web", "name": "cpu_utilization", "value": 1.0}',
        unknown,
        value[:-4],
        value + b"\0",
        encode("metrics", replace(good, value=math.nan)),
        encode("metrics", replace(good, timestamp=-timestamp)),
        encode("metrics", replace(good, name="")),
    )
    return [
        *(Message("metrics", key, each) for each in unusable),
        Message("metrics", None, value),
        Message("metrics", b"somebody-else", value),
        Message("actions", key, b"scale_out please"),
        Message("commands", key, encode("commands", command)),
    ]
