"""What the core is fed: a batch of one source topic and one partition, in offset order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.records import Record

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

KEY_SEPARATOR = "\x1f"
"""Between entity and metric in a series key; not allowed inside either."""


class TextColumn(Protocol):
    """A column of text that can be indexed; values are built only where a rule asks."""

    def __getitem__(self, index: int, /) -> Any: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """Metrics as columns of equal length n, offsets strictly ascending."""

    offsets: IntArray
    timestamps: IntArray
    """Event times, ms."""
    values: FloatArray
    """Finite."""
    keys: list[str]
    """``entity_id + KEY_SEPARATOR + metric name``."""
    entity_types: TextColumn
    correlation_ids: TextColumn
    written: IntArray | None = None
    """Kafka timestamps, ms, not above 0 where there is none; None for none at all."""

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Positioned:
    """A record and the offset it was read at."""

    offset: int
    record: Record
    written: int = 0
    """Kafka timestamp, ms; not above 0 for none."""


def series_key(entity_id: str, metric: str) -> str:
    return f"{entity_id}{KEY_SEPARATOR}{metric}"


def split_series_key(key: str) -> tuple[str, str]:
    """(entity_id, metric)."""
    entity_id, _, metric = key.partition(KEY_SEPARATOR)
    return entity_id, metric
