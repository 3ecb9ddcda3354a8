"""The message values of a batch as one run of bytes, grouped by the schema that wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from streams.core.kernel.batch import BoolArray, IntArray
from streams.wire.framing import HEADER_SIZE, MAGIC
from streams.wire.rejected import Raw


@dataclass(frozen=True, slots=True)
class Frames:
    """The values of a batch as one run of bytes."""

    values: list[bytes]
    data: bytes
    starts: IntArray
    ends: IntArray
    ids: IntArray
    """Schema id; -1 where the value is not framed or too large."""

    @classmethod
    def of(cls, raws: Sequence[Raw], max_value_bytes: int) -> Frames:
        values = [raw.value or b"" for raw in raws]
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        ends = np.cumsum(lengths)
        starts = ends - lengths
        data = b"".join(values)
        framed = (lengths >= HEADER_SIZE) & (lengths <= max_value_bytes)
        return cls(values, data, starts, ends, _schema_ids(data, starts, framed))

    def data_of(self, rows: IntArray) -> bytes:
        """The values of some rows as one run of bytes."""
        if len(rows) == len(self.values):
            return self.data
        picks: list[int] = rows.tolist()
        return b"".join([self.values[row] for row in picks])

    def groups(self) -> Iterator[tuple[int, IntArray]]:
        """Schema id and its rows, for every id in the batch."""
        if not len(self.ids):
            return
        first = int(self.ids[0])
        if first >= 0 and (self.ids == first).all():
            yield first, np.arange(len(self.ids))
            return
        for schema_id in np.unique(self.ids[self.ids >= 0]).tolist():
            yield schema_id, np.flatnonzero(self.ids == schema_id)


def _schema_ids(data: bytes, starts: IntArray, framed: BoolArray) -> IntArray:
    if not data:
        return np.full(len(starts), -1)
    places = starts[:, None] + np.arange(HEADER_SIZE)
    heads = np.frombuffer(data, np.uint8).take(places, mode="clip")
    ids = np.ascontiguousarray(heads[:, 1:]).view(">u4").ravel().astype(np.int64)
    ids[~framed | (heads[:, 0] != MAGIC)] = -1
    return ids
