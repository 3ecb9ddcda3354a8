"""What the tests of the ensemble share: rows, series and the forecaster itself."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.bank import CompiledEnsemble
from streams.core.forecasting.ensemble.layout import ROW, SCRATCH
from tests.kits.core.values import noise

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
DATA = Path(__file__).parents[3] / "examples" / "data"


def blank_row() -> np.void:
    """A row of zeros, as compiled functions take it."""
    return np.zeros(1, ROW)[0]


def scratch() -> np.ndarray:
    return np.zeros(SCRATCH, np.float32)


def make(rows: int = 1) -> CompiledEnsemble:
    ensemble = CompiledEnsemble(ForecastConfig())
    ensemble.resize(rows)
    return ensemble


def learn(ensemble: CompiledEnsemble, values, row: int = 0, start: int = 0, step=HOUR_MS):
    """Learn evenly spaced values; returns the forecasts made before each."""
    values = np.asarray(values, np.float64)
    times = step * np.arange(start, start + values.size)
    return ensemble.learn_many(np.full(values.size, row), times, values)


def season(size: int, steps: int = 24, seed: int = 0) -> np.ndarray:
    """A daily wave of ten times the noise."""
    return 50 + 10 * np.sin(2 * np.pi * np.arange(size) / steps) + noise(size, seed)


def autoregressive(size: int, seed: int = 0, share: float = 0.9) -> np.ndarray:
    """AR(1) with unit noise."""
    values, shocks = np.empty(size), noise(size, seed)
    value = 0.0
    for position, shock in enumerate(shocks.tolist()):
        value = share * value + shock
        values[position] = value
    return values


def example(name: str, size: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Timestamps (ms) and values of one of the example series, in order of time."""
    with (DATA / f"{name}.csv").open() as file:
        rows = [
            (_milliseconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)
        ]
    rows.sort()
    times, values = zip(*rows[:size], strict=True)
    return np.array(times), np.array(values)


def _milliseconds(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return int(moment.timestamp() * 1000)
