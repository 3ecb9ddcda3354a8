"""Where the bodies of a batch end: all are walked in step, field by field, values unread.

The columnar reader takes a batch as one run of bytes. A body that is too long or too short
would shift every record behind it, and a length beyond the end makes the reader panic. So each
body's length is first proven against its schema. The walk is strict: it calls anything unusual
(text above ``ID_BYTES``, an array in several blocks) suspect, and suspects are read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.core.kernel.batch import BoolArray, IntArray
from streams.records.limits import ID_BYTES

ByteArray = NDArray[np.uint8]
Rows = IntArray | slice

_ALL = slice(None)
_MORE = 0x80
"""Bit of a variable-length number that says another byte follows."""
_LONG_BYTES = 10


@dataclass(frozen=True, slots=True)
class Table:
    """An array of records whose fields are all text."""

    texts: int
    """Fields of one record."""


Shape = str | Table
"""string, long, double or a Table."""


def exact_bodies(
    data: bytes, starts: IntArray, ends: IntArray, shapes: Sequence[Shape]
) -> BoolArray:
    """Which bodies hold exactly one record of these fields; False also for unusual ones.

    Body i is ``data[starts[i]:ends[i]]``.
    """
    walk = _Walk(np.frombuffer(data or b"\0", np.uint8), starts.copy())
    for shape in shapes:
        if isinstance(shape, Table):
            walk.table(shape.texts)
        elif shape == "string":
            walk.text(_ALL)
        elif shape == "long":
            walk.long()
        else:
            walk.at += 8
    return walk.good & (walk.at == ends)


class _Walk:
    """Positions in all bodies at once. A lost one runs on harmlessly: reads are clipped."""

    def __init__(self, data: ByteArray, at: IntArray) -> None:
        self._data = data
        self.at = at
        self.good = np.ones(len(at), np.bool_)

    def _byte(self, rows: Rows) -> ByteArray:
        """The next byte of each row."""
        found = self._data.take(self.at[rows], mode="clip")
        self.at[rows] += 1
        return found

    def long(self) -> None:
        byte = self._byte(_ALL)
        for _ in range(_LONG_BYTES - 1):
            more = byte >= _MORE
            if not more.any():
                return
            byte = np.where(more, self._data.take(self.at, mode="clip"), 0)
            self.at += more
        self.good &= byte < _MORE

    def text(self, rows: Rows) -> None:
        first = self._byte(rows)
        self.good[rows] &= (first & 1) == 0  # odd: a negative length
        length = (first >> 1).astype(np.int64)
        more = first >= _MORE
        if more.any():
            second = self._data.take(self.at[rows], mode="clip").astype(np.int64)
            self.good[rows] &= ~more | (second < _MORE)
            length = np.where(more, ((first & 0x7F) >> 1) + (second << 6) + 1, length)
            self.good[rows] &= length <= ID_BYTES + 1
        self.at[rows] += length

    def table(self, texts: int) -> None:
        count = self._byte(_ALL)
        self.good &= ((count & 1) == 0) & (count < _MORE)
        rows = np.flatnonzero(self.good & (count > 0))
        left = (count >> 1)[rows]
        filled = rows
        while len(rows):
            for _ in range(texts):
                self.text(rows)
            left -= 1
            rows, left = rows[left > 0], left[left > 0]
        self.good[filled] &= self._byte(filled) == 0
