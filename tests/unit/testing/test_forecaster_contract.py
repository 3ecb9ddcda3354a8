"""The suite must fail on forecasters that break what it checks."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from streams.core.forecasting.protocol import Forecaster
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import StateError
from streams.testing import check_forecaster


class LastValue:
    """A correct forecaster: the next values are the last one."""

    name = "last_value"
    state_version = "1"

    def __init__(self) -> None:
        self.last: list[float] = []

    def resize(self, rows: int) -> None:
        self.last.extend([np.nan] * (rows - len(self.last)))

    def reset(self, row: int) -> None:
        self.last[row] = np.nan

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = np.empty(values.size)
        for position, row in enumerate(rows.tolist()):
            forecasts[position] = self.last[row]
            self.last[row] = float(values[position])
        return forecasts

    def forecast(self, row: int, horizon: int) -> FloatArray:
        return np.full(horizon, self.last[row])

    def dump(self, row: int) -> bytes:
        value = self.last[row]
        return b"" if np.isnan(value) else np.float64(value).tobytes()

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if state:
            if len(state) != 8 or np.isnan(np.frombuffer(state)[0]):
                raise StateError("damaged")
            self.last[row] = float(np.frombuffer(state)[0])


class Nameless(LastValue):
    name = ""


class Overflows(LastValue):
    def forecast(self, row: int, horizon: int) -> FloatArray:
        with np.errstate(over="ignore"):
            return super().forecast(row, horizon) * np.arange(1, horizon + 1)


class LearnsBatchMeans(LastValue):
    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = super().learn_many(rows, timestamps, values)
        if rows.size > 1:
            self.last[rows[-1]] = float(np.median(values))
        return forecasts


class MixesRows(LastValue):
    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = super().learn_many(rows, timestamps, values)
        if len(self.last) > 9:
            self.last[0] = float(values[-1])
        return forecasts


class ForgetsInDump(LastValue):
    def dump(self, row: int) -> bytes:
        value = self.last[row]
        return b"" if np.isnan(value) else np.float64(np.float32(np.clip(value, -9, 9))).tobytes()


class ForecastLearns(LastValue):
    def forecast(self, row: int, horizon: int) -> FloatArray:
        forecast = super().forecast(row, horizon)
        self.last[row] = self.last[row] + 1.0
        return forecast


class KeepsAfterReset(LastValue):
    def reset(self, row: int) -> None:
        pass

    def load(self, row: int, state: bytes) -> None:
        self.last[row] = np.nan
        super().load(row, state)


class LosesRows(LastValue):
    def resize(self, rows: int) -> None:
        self.last = [np.nan] * rows


class AcceptsDamage(LastValue):
    def load(self, row: int, state: bytes) -> None:
        padded = (state + bytes(8))[:8]
        self.last[row] = float(np.nan_to_num(np.frombuffer(padded)[0])) if state else np.nan


class Hoards(LastValue):
    """Remembers all values; states of other lengths than those it wrote are refused."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[int, list[float]] = {}

    def reset(self, row: int) -> None:
        super().reset(row)
        self.history.pop(row, None)

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        for row, value in zip(rows.tolist(), values.tolist(), strict=True):
            self.history.setdefault(row, []).append(value)
        return super().learn_many(rows, timestamps, values)

    def dump(self, row: int) -> bytes:
        history = self.history.get(row)
        return b"" if history is None else np.array([len(history), *history]).tobytes()

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if state:
            if len(state) % 8 or len(state) != 8 * (np.frombuffer(state)[0] + 1):
                raise StateError("damaged")
            self.history[row] = np.frombuffer(state)[1:].tolist()
            self.last[row] = self.history[row][-1]


class HoardsUnseen(LastValue):
    """Remembers all values, but not in its dumps."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[float] = []

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        self.history += values.tolist()
        return super().learn_many(rows, timestamps, values)


class Guesses(LastValue):
    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        return super().learn_many(rows, timestamps, values) + random.random()


class OverflowsLate(LastValue):
    def forecast(self, row: int, horizon: int) -> FloatArray:
        forecast = super().forecast(row, horizon)
        forecast[150:] = np.inf
        return forecast


class SpreadsNan(LastValue):
    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = super().learn_many(rows, timestamps, values)
        if np.isnan(values).any():
            self.last[0] = 0.0
        return forecasts


class KeepsNan(LastValue):
    """Is not ready any more once it has seen NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.poisoned: set[int] = set()

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = super().learn_many(rows, timestamps, values)
        self.poisoned |= set(rows[np.isnan(values)].tolist())
        forecasts[np.isin(rows, list(self.poisoned))] = np.nan
        return forecasts


class ScalesCallersValues(LastValue):
    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> FloatArray:
        forecasts = super().learn_many(rows, timestamps, values)
        values /= 2
        return forecasts


def test_a_correct_forecaster_passes() -> None:
    check_forecaster(LastValue)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (Nameless, "name is empty"),
        (Guesses, "two runs differ"),
        (OverflowsLate, "not finite 168 steps ahead"),
        (SpreadsNan, "suffers from another's NaN"),
        (KeepsNan, "outlast a reset"),
        (HoardsUnseen, "memory grew"),
        (Overflows, "not finite"),
        (LearnsBatchMeans, "depends? on how batches are cut"),
        (MixesRows, "rows influence each other"),
        (ForgetsInDump, "after it was loaded|differ after a load"),
        (ForecastLearns, "forecast changes the state"),
        (KeepsAfterReset, "left after a reset"),
        (LosesRows, "when there is room for more"),
        (AcceptsDamage, "damaged state is accepted"),
        (Hoards, "a dump grew"),
        (ScalesCallersValues, "changes the caller's array"),
    ],
)
def test_a_broken_forecaster_fails(factory: Callable[[], Forecaster], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_forecaster(factory)
