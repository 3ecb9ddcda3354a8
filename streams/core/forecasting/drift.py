"""River's ADWIN for many series: has the size of the forecast error changed for good?"""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import numpy as np
from river.drift import ADWIN

from streams.core.kernel.batch import BoolArray, FloatArray, IntArray

STATE_VERSION = f"river-{version('river')}"
"""ADWIN's state is an opaque dump of River's compiled code and is only read by the same release."""


class DriftDetectors:
    """One ADWIN per row, fed with numbers between 0 and 1; a drift is flagged once.

    After a drift the window starts anew at the next value, as in River. The window is kept in
    buckets, so memory grows with the logarithm of its length: 1.1 KB at 1,000 values, 2 KB at
    100,000.
    """

    def __init__(self, delta: float) -> None:
        self._detector = ADWIN(delta=delta)
        self.state_version = STATE_VERSION
        self._windows: list[Any] = []

    def resize(self, rows: int) -> None:
        """Have room for rows 0..rows-1; new rows are fresh."""
        self._windows.extend([None] * (rows - len(self._windows)))

    def reset(self, row: int) -> None:
        """Make the row fresh."""
        self._windows[row] = None

    def update_many(self, rows: IntArray, values: FloatArray) -> BoolArray:
        """Take in values in the given order; rows may repeat, NaN is passed over.

        Returns for each value whether it made a drift certain.
        """
        windows, isnan = self._windows, math.isnan
        each: list[int] = rows.tolist()
        flags = np.zeros(len(rows), np.bool_)
        for position, (row, value) in enumerate(zip(each, values.tolist(), strict=True)):
            if not isnan(value):
                window = windows[row] or self._begin(row)
                if window.update(value):
                    flags[position] = True
                    windows[row] = None
        return flags

    def _begin(self, row: int) -> Any:
        # ADWIN itself only passes values on to its compiled window, at twice the cost of that:
        # so one of it makes the windows of all rows
        detector: Any = self._detector
        detector._reset()
        window = detector._helper
        self._windows[row] = window
        return window

    def dump(self, row: int) -> bytes:
        """State of one row."""
        window = self._windows[row]
        return b"" if window is None else window.__getstate__()

    def load(self, row: int, state: bytes) -> None:
        """Continue from a dump of the same ``state_version``.

        The bytes must be those of a dump (the compiled code aborts on others): the caller keeps
        a checksum.
        """
        self.reset(row)
        if state:
            self._begin(row).__setstate__(state)
