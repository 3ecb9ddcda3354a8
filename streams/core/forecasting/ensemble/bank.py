"""The forecaster ``ensemble``: many plain forecasts of a series, weighed by how well each did."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.forecasting import (
    accuracy_of,
    breach_many,
    forecast_many,
    shares_of,
)
from streams.core.forecasting.ensemble.layout import (
    ANCHORS,
    BINS,
    NAMES,
    ROW,
    WINDOW,
    J,
    K,
)
from streams.core.forecasting.ensemble.learning import learn_many
from streams.core.forecasting.state import damaged, require, seal, unseal
from streams.core.kernel.batch import BoolArray, FloatArray, IntArray
from streams.core.kernel.model_results import AnchorAccuracy

VERSION = 1
PROMISED = 0.8
"""What the quantiles whose coverage is watched should hold."""
_NO_MOVE = np.empty(0)
_WORTH_NAMING = 0.05
_INDEX_LIMITS = {
    "season": 1440,
    "bins": BINS,
    "gap_count": 20,
    "in_short": 24,
    "in_window": WINDOW,
    "in_long": 50,
}
"""Numbers that are used as positions: compiled code does not check them."""


class CompiledEnsemble:
    """Bank of rows, one a series; implements ``ProbabilisticForecaster``.

    Sixteen experts (last value, levels, medians, what usually follows the last three values and
    the last rise, time of day, hour of the week) forecast at six horizons. At each, they are
    weighed by recent error, regressed on, and the best of mean, regression and best expert
    prevails. A row takes ``row_bytes``.
    """

    name = "ensemble"

    def __init__(self, config: ForecastConfig) -> None:
        self._bank: NDArray[np.void] = np.zeros(0, ROW)
        self.state_version = f"{VERSION}-{ROW.itemsize}"

    @property
    def row_bytes(self) -> int:
        """Bytes of one series."""
        return ROW.itemsize

    # -- rows ---------------------------------------------------------------------------------

    def resize(self, rows: int) -> None:
        """Have room for rows 0..rows-1; pages of new rows cost nothing until they learn."""
        grown = np.zeros(rows, ROW)
        grown[: len(self._bank)] = self._bank
        self._bank = grown

    def reset(self, row: int) -> None:
        """Make the row fresh."""
        self._bank[row] = np.zeros((), ROW)

    def dump(self, row: int) -> bytes:
        """The row's bytes behind a checksum."""
        return seal(self._bank[row].tobytes())

    def load(self, row: int, state: bytes) -> None:
        """Continue from a dump, bit for bit. Raises StateError when it is damaged; the row is
        fresh then."""
        self.reset(row)
        data = unseal(state, self.name)
        require(len(data) == ROW.itemsize, self.name, f"{len(data)} bytes")
        stored = np.frombuffer(data, ROW)[0]
        for field, most in _INDEX_LIMITS.items():
            if not 0 <= stored[field] <= most:
                raise damaged(self.name, f"{field} is {stored[field]}")
        self._bank[row] = stored

    # -- learning -----------------------------------------------------------------------------

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        """Learn values in the given order; returns the one-step forecast made before each."""
        predicted = np.empty(rows.size)
        learn_many(self._bank, rows, timestamps, values, predicted)
        return predicted

    def reweigh(self, row: int, ago: int, after: int) -> None:
        """Forget old errors ``after`` values behind the one that was learned ``ago`` values ago."""
        stored: Any = self._bank[row]
        noticed = stored["count"] - ago
        if noticed >= stored["reweigh_at"]:
            stored["reweigh_at"] = noticed + after

    # -- forecasting --------------------------------------------------------------------------

    def forecast(self, row: int, horizon: int) -> FloatArray:
        """Means of steps 1..horizon; NaN when nothing was learned."""
        return self.quantiles(row, horizon, PROMISED)[0]

    def quantiles(
        self, row: int, horizon: int, level: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Means, and the lower and upper bounds that hold ``level`` of the values."""
        found = self.quantiles_many(np.array([row]), horizon, level)[0]
        return found[:, 0], found[:, 1], found[:, 2]

    def quantiles_many(self, rows: IntArray, horizon: int, level: float) -> FloatArray:
        """(n, horizon, 3): mean, lower and upper bound."""
        out = np.empty((rows.size, horizon, 3))
        forecast_many(self._bank, rows, level, out)
        return out

    def breach(
        self,
        row: int,
        threshold: float,
        horizon: int,
        above: bool = True,
        move: FloatArray | None = None,
    ) -> float:
        """Chance (0..1) that one of the next ``horizon`` values lies beyond the threshold; NaN
        before twenty values. ``move`` is what the forecast is corrected by, step by step."""
        rows, thresholds = np.array([row]), np.array([threshold], np.float64)
        return float(self.breach_many(rows, thresholds, horizon, np.array([above]), move)[0])

    def breach_many(
        self,
        rows: IntArray,
        thresholds: FloatArray,
        horizon: int,
        above: BoolArray,
        move: FloatArray | None = None,
    ) -> FloatArray:
        """The same of many rows, each with its threshold and side."""
        out, moves = np.empty(rows.size), _NO_MOVE if move is None else move
        breach_many(self._bank, rows, thresholds, horizon, above, moves, out)
        return out

    # -- how it does --------------------------------------------------------------------------

    def accuracy(self, row: int) -> list[AnchorAccuracy]:
        """Errors and coverage by horizon, of horizons that have been scored."""
        out = np.empty((J, 3))
        accuracy_of(self._bank, row, out)
        return [
            AnchorAccuracy(horizon, mae, covered, int(scores))
            for horizon, (mae, covered, scores) in zip(ANCHORS, out.tolist(), strict=True)
            if scores > 0
        ]

    def coverage(self, row: int) -> tuple[float, float]:
        """Mean over the scored horizons, weighed by how often each was scored up to 100 times;
        as promised while none was."""
        out = np.empty((J, 3))
        accuracy_of(self._bank, row, out)
        weights = np.minimum(out[:, 2], 100)
        total = float(weights.sum())
        return (float(weights @ out[:, 1]) / total if total else PROMISED), PROMISED

    def members(self, row: int, horizon: int) -> tuple[str, ...]:
        """Kinds of experts that make up the forecast at the nearest anchor, heaviest first."""
        nearest = min(range(J), key=lambda j: abs(math.log(ANCHORS[j] / horizon)))
        weights = np.empty(K)
        shares_of(self._bank, row, nearest, weights)
        kinds: dict[str, float] = {}
        for name, weight in zip(NAMES, weights.tolist(), strict=True):
            kinds[name] = kinds.get(name, 0.0) + weight
        order = sorted(kinds, key=lambda kind: -kinds[kind])
        return tuple(kind for kind in order if kinds[kind] >= _WORTH_NAMING)

    def recent(self, row: int) -> FloatArray:
        """The newest 72 values at most, oldest first."""
        stored: Any = self._bank[row]
        count = int(stored["count"])
        newest = np.arange(max(0, count - WINDOW), count) % WINDOW
        return stored["window"][newest].astype(np.float64) + float(stored["offset"])
