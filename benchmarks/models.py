"""``python -m benchmarks.models``: what the forecasters cost, without Kafka.

Microseconds of CPU for each call of a batch, memory, and seconds until the first batch is learned
by a new process with and without compiled code in the cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.bank import CompiledEnsemble
from streams.core.forecasting.protocol import Forecaster
from streams.core.forecasting.registry import create

BATCH = 2_000
"""Values, or rows, in a call."""
MEASURED = 20_000
"""Calls of one repeat, counted one value or row at a time; few enough for the slowest model."""
STEPS = 24
STEP_MS = 300_000
COMPANIONS = ("holt_winters", "snarimax", "seasonal_profile", "exponential_smoothing")
SERIES = (1_000, 100_000)
WARM_START = """
import time
start = time.perf_counter()
from benchmarks.models import first_batch
first_batch()
print(time.perf_counter() - start)
"""

Learner = Forecaster | SeriesBank
Cost = tuple[str, str, int, list[float]]
"""Model, call, series, and the microseconds of each repeat."""


class Feed:
    """Batches of seeded daily series, each series in turn, time going on from batch to batch."""

    def __init__(self, series: int) -> None:
        self.series = series
        self._position = 0
        random = np.random.default_rng(0)
        self._noise = random.standard_normal(1 << 16)
        self._phase = random.random(series)

    def batches(self, values: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows, timestamps (ms) and values."""
        for start in range(0, values, BATCH):
            at = self._position + np.arange(min(BATCH, values - start))
            self._position += at.size
            rows, steps = at % self.series, at // self.series
            wave = np.sin(2 * np.pi * (steps / 288 + self._phase[rows]))
            yield rows, steps * STEP_MS, 50 + 10 * wave + self._noise[at % self._noise.size]

    def fill(self, learner: Learner, rounds: int) -> None:
        """Let each series learn so many values: past the search for its season."""
        learner.resize(self.series)
        for batch in self.batches(rounds * self.series):
            learner.learn_many(*batch)


def first_batch() -> None:
    """What a worker does until it has learned and forecast once."""
    ensemble, feed = CompiledEnsemble(ForecastConfig()), Feed(10)
    feed.fill(ensemble, 1)
    ensemble.quantiles_many(np.arange(10), STEPS, 0.9)
    ensemble.breach_many(np.arange(10), np.full(10, 60.0), STEPS, np.full(10, True))


def main() -> None:
    arguments = _arguments()
    console = Console(width=100, highlight=False)
    for series in arguments.series or SERIES:
        console.print(_cost_table(series, arguments.repeats))
    console.print(_memory_table())
    console.print(_start_table(arguments.repeats))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--series", type=int, action="append", help="default 1000 and 100000")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


# -- cost -----------------------------------------------------------------------------------------


def _cost_table(series: int, repeats: int) -> Table:
    table = Table(title=f"batches of {BATCH:,}")
    table.add_column("model")
    table.add_column("call")
    for heading in ("series", "us of CPU (min - median - max)"):
        table.add_column(heading, justify="right")
    for model, call, number, costs in _costs(series, repeats):
        table.add_row(model, call, f"{number:,}", _range(costs, ",.2f"))
    return table


def _costs(series: int, repeats: int) -> Iterator[Cost]:
    config = ForecastConfig()
    yield from _ensemble_costs(series, repeats)
    for name in COMPANIONS:
        model = create(name, config)
        yield _learning(name, model, min(series, BATCH), repeats)
    for models in (config.models, config.models[:1]):
        bank = SeriesBank(ForecastConfig(models=models))
        name = f"SeriesBank ({', '.join(models)})"
        yield _learning(name, bank, min(series, 10 * BATCH), repeats)


def _ensemble_costs(series: int, repeats: int) -> Iterator[Cost]:
    ensemble, feed = CompiledEnsemble(ForecastConfig()), Feed(series)
    feed.fill(ensemble, max(30, 300_000 // series))
    yield ensemble.name, "learn", series, _repeat(lambda: _learn(ensemble, feed), repeats)
    for call, ask in _questions(ensemble).items():
        yield ensemble.name, call, series, _repeat(lambda ask=ask: _ask(ask, series), repeats)


def _learning(name: str, learner: Learner, series: int, repeats: int) -> Cost:
    """Python objects for each row: fewer series than asked for, so that filling takes no hour."""
    feed = Feed(series)
    feed.fill(learner, 30)
    return name, "learn", series, _repeat(lambda: _learn(learner, feed), repeats)


def _questions(ensemble: CompiledEnsemble) -> dict[str, Callable[[np.ndarray], object]]:
    thresholds, above = np.full(BATCH, 65.0), np.full(BATCH, True)
    return {
        f"forecast {STEPS} steps": lambda rows: ensemble.quantiles_many(rows, STEPS, 0.9),
        f"breach in {STEPS} steps": lambda rows: ensemble.breach_many(
            rows, thresholds, STEPS, above
        ),
    }


def _repeat(measure: Callable[[], float], repeats: int) -> list[float]:
    measure()  # warms up caches and what compiles
    return [measure() for _ in range(repeats)]


def _learn(learner: Learner, feed: Feed) -> float:
    """Microseconds a value."""
    batches = list(feed.batches(MEASURED))
    start = time.process_time()
    for batch in batches:
        learner.learn_many(*batch)
    return 1e6 * (time.process_time() - start) / MEASURED


def _ask(question: Callable[[np.ndarray], object], series: int) -> float:
    """Microseconds a row."""
    rows = np.random.default_rng(1).integers(0, series, MEASURED).reshape(-1, BATCH)
    start = time.process_time()
    for batch in rows:
        question(batch)
    return 1e6 * (time.process_time() - start) / MEASURED


# -- memory and start -----------------------------------------------------------------------------


def _memory_table() -> Table:
    """A stored row as it is, and as a store compresses it, after so many values of 5 minutes."""
    table = Table(title="bytes of one series")
    for heading in ("values", "ensemble", "zlib level 1", "whole bank", "zlib level 1"):
        table.add_column(heading, justify="right")
    for values in (10, 100, 1_000, 10_000):
        cells = [f"{values:,}"]
        for learner in (CompiledEnsemble(ForecastConfig()), SeriesBank(ForecastConfig())):
            Feed(1).fill(learner, values)
            state = learner.dump(0)
            cells += [f"{len(state):,}", f"{len(zlib.compress(state, 1)):,}"]
        table.add_row(*cells)
    return table


def _start_table(repeats: int) -> Table:
    """Import, first batch, first forecast and breach of a process of its own."""
    with tempfile.TemporaryDirectory(prefix="goalstream-numba-") as cache:
        cold = [_seconds_to_first_batch(cache)]
        warm = [_seconds_to_first_batch(cache) for _ in range(repeats)]
    table = Table(title="seconds of a new process until the first forecast")
    for heading in ("compiled code", "seconds (min - median - max)"):
        table.add_column(heading)
    table.add_row("none in the cache", _range(cold, ".1f"))
    table.add_row("in the cache", _range(warm, ".2f"))
    return table


def _seconds_to_first_batch(cache: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", WARM_START],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def _range(values: list[float], form: str) -> str:
    shown = (min(values), statistics.median(values), max(values))
    return " - ".join(format(value, form) for value in shown)


if __name__ == "__main__":
    main()
