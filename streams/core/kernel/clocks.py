"""Two clocks: event time, which producers say, and decision time, which the log says.

Event time orders the values of a series and drives models. Decision time is the Kafka timestamp
of a record, the broker's clock where topics have ``LogAppendTime``: it drives deadlines,
cool-downs, budgets, leases and ages, and no producer can move it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from streams.core.kernel.batch import BoolArray, IntArray, MetricBatch
from streams.core.kernel.checks import Time, TimeOrZero, check

UNIT_MS = {"s": 1_000, "us": 1 / 1_000, "ns": 1 / 1_000_000}
"""Units other than ms in which producers count, as factors that lead to ms."""
FIRST_MS = 946_684_800_000
"""The year 2000: no record is older."""
LAST_MS = 4_102_444_800_000
"""The year 2100, by which the unit of a number is told."""
AHEAD = "timestamp_ahead"
UNIT = "timestamp_unit"


class Clock(StrEnum):
    """What decision time follows."""

    LOG = "log"
    """The Kafka timestamp of each record."""
    EVENT = "event"
    """Event time: for recorded data, where the log's time says when it was played."""


@dataclass(frozen=True, slots=True)
class TimeConfig:
    """By which clock is decided, and which values are too old for a decision to rest on them."""

    decisions: Clock = Clock.LOG
    """What decision time follows. Where a record has no Kafka timestamp: event time."""
    max_ahead_ms: TimeOrZero = 60_000
    """How far event time may be ahead of the log's; beyond that a record is refused."""
    live_window_ms: Time = 300_000
    """How far the event time of a metric may be behind the log's (or three steps of its series,
    if these are longer); an older one is history: learned, and nothing is judged by it."""
    stale_after_ms: Time = 900_000
    """Silence (or three steps of the series, if these are longer) after which a value says
    nothing of the present."""

    def __post_init__(self) -> None:
        check(self, "time")

    def decided_at(self, timestamp: int, written: int) -> int:
        """Decision time of a record, ms. ``written``: its Kafka timestamp, not above 0 for none."""
        return written if self.decisions is Clock.LOG and written > 0 else timestamp

    def is_logged(self, written: int) -> bool:
        """Whether the log's clock says when the record came."""
        return self.decisions is Clock.LOG and written > 0

    def stale_ms(self, step_ms: int) -> int:
        """Age from which a value of a series with such a step says nothing of the present."""
        return max(self.stale_after_ms, STEPS * step_ms)


STEPS = 3
"""Steps of a series that may pass before its silence means something."""


class Fault(NamedTuple):
    """Why a record is refused for its timestamp."""

    reason: str
    detail: str


def unit_of(timestamp: int) -> str:
    """The unit other than ms in which a timestamp plainly is (s, us, ns); empty for none."""
    for unit, factor in UNIT_MS.items():
        if FIRST_MS <= timestamp * factor < LAST_MS:
            return unit
    return ""


def unit_detail(timestamp: int) -> str:
    """What is wrong with a timestamp that is no ms since the epoch, and the remedy."""
    unit = unit_of(timestamp)
    guess = f"it looks like {unit}" if unit else "it is before the year 2000"
    return (
        f"field 'timestamp', value {timestamp}: {guess}; send ms since the epoch in UTC, or "
        f"--time-unit {unit or 's'} where the command line sends"
    )


def fault(timestamp: int, written: int, config: TimeConfig) -> Fault | None:
    """Why a record that came at ``written`` (ms, the log's clock) cannot have that event time."""
    if timestamp < FIRST_MS or unit_of(timestamp):
        return Fault(UNIT, unit_detail(timestamp))
    if timestamp <= written + config.max_ahead_ms:
        return None
    return Fault(
        AHEAD,
        f"field 'timestamp', value {timestamp}: {(timestamp - written) / 1000:.6g} s ahead of the "
        f"log's clock ({written}); set the producer's clock, or raise time.max_ahead_seconds "
        f"(now {config.max_ahead_ms / 1000:g})",
    )


class Moments(NamedTuple):
    """Decision times of a batch of metrics."""

    now: IntArray
    """Of each record, ms."""
    logged: BoolArray | None
    """Whose decision time the log says; None for none of them."""
    refused: IntArray
    """Positions of the records whose event time cannot be."""


def moments(batch: MetricBatch, config: TimeConfig) -> Moments:
    """When each metric of a batch came, and which are refused for their event time."""
    written, none = batch.written, np.empty(0, np.int64)
    if written is None or config.decisions is Clock.EVENT:
        return Moments(batch.timestamps, None, none)
    logged = written > 0
    if not logged.any():
        return Moments(batch.timestamps, None, none)
    odd = (batch.timestamps > written + config.max_ahead_ms) | (batch.timestamps < FIRST_MS)
    refused = np.flatnonzero(odd & logged) if odd.any() else none
    now = written if logged.all() else np.where(logged, written, batch.timestamps)
    return Moments(now, logged, refused)
