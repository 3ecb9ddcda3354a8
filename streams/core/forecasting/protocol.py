"""What a forecaster must do: learn batches of many series, forecast one, store one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from streams.core.batch import FloatArray, IntArray
from streams.core.config import ForecastConfig


class Forecaster(Protocol):
    """Models of many series, one per row.

    Values are finite. Results depend on each row's own values in their order, never on how they
    were cut into batches or mixed with other rows. ``streams.testing.check_forecaster`` checks
    all that is said here.
    """

    @property
    def name(self) -> str:
        """Name in forecast records, such as ``holt_winters``."""
        ...

    @property
    def state_version(self) -> str:
        """Changes whenever stored state can no longer be read by this code and configuration."""
        ...

    def resize(self, rows: int) -> None:
        """Have room for rows 0..rows-1. Never called with fewer than before; new rows are fresh."""
        ...

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        """Learn values in the given order; rows may repeat, timestamps (ms) may go backwards.

        Returns for each value the one-step forecast made before it, equal to ``forecast(row, 1)``
        at that moment; NaN when there was none.
        """
        ...

    def forecast(self, row: int, horizon: int) -> FloatArray:
        """Expected values of the next ``horizon`` steps: all finite, or all NaN when not ready.

        Changes nothing.
        """
        ...

    def dump(self, row: int) -> bytes:
        """State of one row. Its size has a bound that does not depend on the values learned."""
        ...

    def load(self, row: int, state: bytes) -> None:
        """Continue from a dump as if never interrupted, bit for bit.

        Raises StateError when the state is damaged; the row is then fresh.
        """
        ...

    def reset(self, row: int) -> None:
        """Make the row fresh: its slot goes to another series."""
        ...


ForecasterFactory = Callable[[ForecastConfig], Forecaster]
