"""What was recorded of one input topic and partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from streams.core.kernel.batch import (
    IntArray,
    MetricBatch,
    Positioned,
    TextColumn,
    split_series_key,
)
from streams.core.partition import METRICS
from streams.records import Decision


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """Records of one source in the order of their offsets; three columns of equal length.

    ``rows`` holds the records themselves: metrics as columns, all others one by one.
    """

    source: str
    """Logical topic."""
    rows: MetricBatch | Sequence[Positioned]
    offsets: IntArray
    times: IntArray
    """ms by which records of several sources are put in order where nothing else does."""

    def __len__(self) -> int:
        return int(self.offsets.size)

    def part(self, start: int, end: int) -> MetricBatch | Sequence[Positioned]:
        """The rows from ``start`` up to, not including, ``end``."""
        rows = self.rows
        if not isinstance(rows, MetricBatch):
            return rows[start:end]
        return MetricBatch(
            offsets=rows.offsets[start:end],
            timestamps=rows.timestamps[start:end],
            values=rows.values[start:end],
            keys=rows.keys[start:end],
            entity_types=_sliced(rows.entity_types, start, end),
            correlation_ids=_sliced(rows.correlation_ids, start, end),
            written=None if rows.written is None else rows.written[start:end],
        )


def metrics_tape(batch: MetricBatch, written_at: Sequence[int] | None = None) -> Tape:
    """``written_at``: ms at which each was written to the topic; event time where not known."""
    times = batch.timestamps if written_at is None else np.array(written_at, np.int64)
    return Tape(METRICS, batch, batch.offsets, times)


def records_tape(
    source: str, records: Sequence[Positioned], written_at: Sequence[int] | None = None
) -> Tape:
    """``written_at``: ms at which each was written to the topic; event time where not known."""
    times = [item.record.timestamp for item in records] if written_at is None else written_at
    offsets = [item.offset for item in records]
    return Tape(source, records, np.array(offsets, np.int64), np.array(times, np.int64))


def places(tape: Tape, entities: Iterable[str]) -> dict[str, IntArray]:
    """For each of ``entities`` the rows of its records, ascending."""
    found: dict[str, list[int]] = {entity: [] for entity in entities}
    if isinstance(tape.rows, MetricBatch):
        lists = {key: found.get(split_series_key(key)[0]) for key in dict.fromkeys(tape.rows.keys)}
        each = (lists[key] for key in tape.rows.keys)
    else:
        each = (found.get(item.record.entity_id) for item in tape.rows)
    for row, rows in enumerate(each):
        if rows is not None:
            rows.append(row)
    return {entity: np.array(rows, np.int64) for entity, rows in found.items()}


@dataclass(slots=True)
class Recorded:
    """What the topics of one partition hold."""

    partition: int
    tapes: dict[str, Tape] = field(default_factory=dict[str, Tape])
    """By source."""
    decisions: list[Decision] = field(default_factory=list[Decision])
    """As written, those of a crash twice."""


def _sliced(column: TextColumn, start: int, end: int) -> list[str]:
    return [column[index] for index in range(start, end)]
