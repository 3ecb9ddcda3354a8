"""Logs in a known overall order, recorded as topics are: each source by itself."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.kernel.batch import Positioned
from streams.core.partition import METRICS
from streams.core.replay.tape import Recorded, Tape, metrics_tape, records_tape
from streams.records import Decision
from tests.kits.core.partition import NUMBER, Entry, metric_batch


def tapes_of(log: Sequence[Entry], *, in_order: bool = True) -> dict[str, Tape]:
    """What the topics hold. Without ``in_order`` nothing but decisions tells the overall order."""
    times = {(entry.source, entry.offset): place for place, entry in enumerate(log)}
    tapes: dict[str, Tape] = {}
    for source in dict.fromkeys(entry.source for entry in log):
        entries = [entry for entry in log if entry.source == source]
        written = [times[source, entry.offset] if in_order else 0 for entry in entries]
        if source == METRICS:
            tapes[source] = metrics_tape(metric_batch(entries), written)
        else:
            records = [Positioned(entry.offset, entry.record) for entry in entries]
            tapes[source] = records_tape(source, records, written)
    return tapes


def recorded(
    log: Sequence[Entry], decisions: Sequence[Decision], *, in_order: bool = True
) -> Recorded:
    return Recorded(NUMBER, tapes_of(log, in_order=in_order), list(decisions))
