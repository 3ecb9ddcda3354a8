"""How a worker is: what waits for it, and whether it serves all that it was given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from faust.types import TP

from streams.runtime.engine import Engine
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.transport import BatchConsumer
from streams.wire.topology import INPUTS, Topology


class Readiness(NamedTuple):
    """What has to be true of a worker that others may rely on."""

    phase: str
    owned: int
    """Partitions assigned and recovered."""
    member: bool
    """Whether the group's coordinator knows it, as far as it has said lately."""
    checkpoint_age: float
    """Seconds since the last checkpoint."""


def not_ready(state: Readiness, oldest_checkpoint: float) -> str:
    """Why a worker is not ready; "" when it is. ``oldest_checkpoint`` in seconds."""
    if state.phase != "running":
        return f"the worker is {state.phase}"
    if not state.owned:
        return "no partition is assigned to the worker"
    if not state.member:
        return "the group's coordinator does not know the worker, or does not answer"
    if state.checkpoint_age > oldest_checkpoint:
        return f"the last checkpoint is {state.checkpoint_age:.0f} s old"
    return ""


class Vitals:
    """Measured once in a while from the event loop."""

    def __init__(
        self,
        engine: Engine,
        consumer: Callable[[], BatchConsumer],
        topology: Topology,
        metrics: WorkerMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._consumer = consumer
        self._topology = topology
        self._metrics = metrics
        self._clock = clock
        self._lags: dict[tuple[str, int], int] = {}
        self._saved = clock()

    @property
    def lag(self) -> int:
        """Records that exist and are not applied yet, when last measured."""
        return sum(self._lags.values())

    @property
    def checkpoint_age(self) -> float:
        """Seconds since a checkpoint went through, or since the start."""
        return self._clock() - self._saved

    def saved(self) -> None:
        """A checkpoint went through."""
        self._saved = self._clock()

    def measure_lags(self, starts: Mapping[TP, int]) -> None:
        """(logical topic, partition) -> lag; ``starts``: where reading began."""
        consumer, lags = self._consumer(), dict[tuple[str, int], int]()
        for source in INPUTS:
            for number, part in self._engine.partitions.items():
                tp = TP(self._topology.kafka_name(source), number)
                applied = part.applied(source)
                # Offsets without a record (transaction markers, compaction) are no work.
                settled = consumer.settled(tp, applied) or 0
                done = max(applied + 1, starts.get(tp, 0), settled)
                lags[source, number] = max(0, (consumer.highwater(tp) or 0) - done)
        self._lags = lags

    def export(self, owned: int, *, ready: bool) -> None:
        """Show it in the metrics."""
        self._metrics.ready.set(ready)
        self._metrics.partitions.set(owned)
        self._metrics.lag.clear()
        for (source, number), lag in self._lags.items():
            self._metrics.lag.labels(source, str(number)).set(lag)
