"""What a forecaster must do: learn batches of many series, forecast one, store one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.batch import FloatArray, IntArray
from streams.core.kernel.model_results import AnchorAccuracy


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


@runtime_checkable
class ProbabilisticForecaster(Forecaster, Protocol):
    """A forecaster that knows how far values lie from its forecasts, at every horizon."""

    def quantiles(
        self, row: int, horizon: int, level: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``forecast``, and the lower and upper bounds that hold ``level`` (0..1) of the values."""
        ...

    def breach(
        self,
        row: int,
        threshold: float,
        horizon: int,
        above: bool = True,
        move: FloatArray | None = None,
    ) -> float:
        """Probability (0..1) that one of the next ``horizon`` values lies beyond the threshold;
        NaN before enough values are known. ``move`` (steps) is added to the forecast, which
        regressors or the calendar correct."""
        ...

    def coverage(self, row: int) -> tuple[float, float]:
        """Running share of values inside their interval, and the share that was promised."""
        ...

    def accuracy(self, row: int) -> Sequence[AnchorAccuracy]:
        """Errors by horizon, nearest first."""
        ...

    def members(self, row: int, horizon: int) -> tuple[str, ...]:
        """Names of what the forecast that far ahead is mostly made of, heaviest first."""
        ...

    def recent(self, row: int) -> FloatArray:
        """The newest values, oldest first."""
        ...

    def reweigh(self, row: int, ago: int, after: int) -> None:
        """Forget old errors ``after`` values behind the one that was learned ``ago`` values ago
        (0 for the newest), so that what does well from then on gets the weight.

        ``after`` is larger than ``ago``. Ignored when another one was still waiting at that value.
        """
        ...


ForecasterFactory = Callable[[ForecastConfig], Forecaster]
