"""The core fed with what was recorded: no broker, no store, nothing published."""

from __future__ import annotations

from collections.abc import Iterator

from streams.core.config import CoreConfig
from streams.core.kernel.batch import MetricBatch
from streams.core.kernel.store import NothingStored
from streams.core.partition import Partition
from streams.core.replay.marks import latest, marks
from streams.core.replay.order import Order
from streams.core.replay.tape import Recorded
from streams.records import Decision

BATCH_ROWS = 2_000
"""Rows applied at once; results do not depend on it."""


def replay(recorded: Recorded, config: CoreConfig) -> Iterator[Decision]:
    """Decisions of the core over the recorded records of one partition, in order.

    Actions and outcomes are those recorded, also where ``config`` leads to other decisions: what
    the world did is known only for what was done.
    """
    partition = Partition(recorded.partition, config, NothingStored())
    order = Order(recorded.tapes, marks(latest(recorded.decisions), recorded.partition))
    for run in order.runs():
        for start in range(run.start, run.end, BATCH_ROWS):
            rows = recorded.tapes[run.source].part(start, min(run.end, start + BATCH_ROWS))
            if isinstance(rows, MetricBatch):
                applied = partition.apply_metrics(rows)
            else:
                applied = partition.apply(run.source, rows)
            for emission in applied.emissions:
                if isinstance(emission.record, Decision):
                    yield emission.record
