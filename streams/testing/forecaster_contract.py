"""The promises of ``streams.core.forecasting.protocol.Forecaster``, checked on any forecaster."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from streams.core.forecasting.protocol import Forecaster
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import StateError

LENGTH = 160
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
HORIZON = 48
FARTHEST = 168
"""Steps of the longest forecast that can be asked for."""
GROWTH_BYTES = 16_384
"""Memory by which a row that learns many more values may grow: for caches and the like."""

Factory = Callable[[], Forecaster]


class Series(NamedTuple):
    """Values to learn, with their timestamps (ms)."""

    name: str
    timestamps: IntArray
    values: FloatArray


def check_forecaster(factory: Factory, *, length: int = LENGTH, seed: int = 0) -> None:
    """Check everything that the protocol promises; raises AssertionError saying what is broken.

    ``factory`` makes a new forecaster without rows. ``length`` is the number of values of each
    series; take several times what the forecaster needs before it is ready.
    """
    every = series_kinds(length, seed)
    check_determinism(factory, every[0])
    for series in every:
        check_finite(factory, series)
        check_batches(factory, series, seed)
        check_dump(factory, series, seed)
        check_reset(factory, series)
    check_names(factory)
    check_rows_apart(factory, every, seed)
    check_not_finite(factory, every[0])
    check_growth(factory, every[0])
    check_damage(factory, every[0])
    check_size(factory, length, seed)
    check_memory(factory, length, seed)


def series_kinds(length: int = LENGTH, seed: int = 0) -> list[Series]:
    """Series of the kinds that have broken forecasters before."""
    random = np.random.default_rng(seed)
    steps = np.arange(length)
    noise = random.standard_normal(length)
    shape: dict[str, FloatArray] = {
        "noise": 100 + noise,
        "zeros": np.zeros(length),
        "constant": np.full(length, 0.1),
        "level shift": np.where(steps < length // 2, 1.0, 1000.0) + noise,
        "first move late": np.where(steps < length // 2, 0.0, 1.0),
        "single spike": np.where(steps == length // 2, 1e9, 1.0),
        "rising line": 3 * steps.astype(np.float64),
        "counter with reset": 1e6 * (steps % (length // 3)).astype(np.float64),
        "season": 50 + 10 * np.sin(2 * np.pi * steps / 24) + noise,
        "largest": np.where(steps % 2, 1.7e308, -1.7e308),
        "large": 1e308 * random.random(length),
        "smallest": 1e-308 * random.random(length),
        "all magnitudes": noise * 10.0 ** random.integers(-300, 300, length),
        "wild": np.sign(noise) * np.exp(random.uniform(-50, 50, length)),
    }
    regular = MINUTE_MS * steps
    kinds = [Series(name, regular, values) for name, values in shape.items()]
    with_gaps = regular + 40 * MINUTE_MS * np.cumsum(random.random(length) < 0.1)
    shuffled = random.permutation(regular)
    kinds.append(Series("timestamps with gaps", with_gaps, shape["noise"]))
    kinds.append(Series("timestamps out of order", shuffled, shape["noise"]))
    hourly = HOUR_MS * steps
    late = hourly - 3 * HOUR_MS * (random.random(length) < 0.1)
    kinds.append(Series("daily season, hourly", hourly, shape["season"]))
    kinds.append(Series("outage of days", hourly + 90 * HOUR_MS * (steps > 100), shape["season"]))
    kinds.append(Series("late records", late, shape["season"]))
    kinds.append(Series("shift, hourly", hourly, shape["level shift"] + shape["season"]))
    faster = np.cumsum(np.where(steps < length // 2, HOUR_MS, 10 * MINUTE_MS))
    kinds.append(Series("shorter step", faster, shape["season"]))
    kinds.append(Series("equal timestamps", np.zeros(length, np.int64), shape["noise"]))
    return kinds


def check_names(factory: Factory) -> None:
    """Name and state version are texts, the same for each instance."""
    one, other = factory(), factory()
    assert one.name, "the name is empty"
    assert one.state_version, "the state version is empty"
    assert (one.name, one.state_version) == (other.name, other.state_version), (
        "name or state version differs between two instances"
    )


def check_determinism(factory: Factory, series: Series) -> None:
    """Learning the same values twice gives the same twice."""
    runs: list[tuple[FloatArray, FloatArray, bytes]] = []
    for _ in range(2):
        forecaster = _fresh(factory)
        given = _learn(forecaster, 0, series._replace(values=series.values.copy()), slice(None))
        runs.append((given, forecaster.forecast(0, HORIZON), forecaster.dump(0)))
    (given, forecast, state), (other_given, other_forecast, other_state) = runs
    same = _same(given, other_given) and _same(forecast, other_forecast)
    _expect(same and state == other_state, series, "two runs differ")


def check_finite(factory: Factory, series: Series) -> None:
    """One value at a time: forecasts are finite or not there, one-step ones as they were given."""
    forecaster = _fresh(factory)
    _expect(_is_missing(forecaster.forecast(0, HORIZON)), series, "a fresh row has a forecast")
    for position in range(len(series.values)):
        before = forecaster.dump(0)
        forecast = forecaster.forecast(0, HORIZON)
        _expect(forecaster.dump(0) == before, series, "forecast changes the state")
        first = forecaster.forecast(0, 1)
        _expect(forecast.shape == (HORIZON,), series, "a forecast has the wrong length")
        finite = bool(np.isfinite(forecast).all())
        _expect(finite or _is_missing(forecast), series, f"not finite at value {position}")
        _expect(_same(first, forecast[:1]), series, "the first step depends on the horizon")
        given = _learn(forecaster, 0, series, slice(position, position + 1))
        _expect(_same(given, first), series, f"learned value {position} against another forecast")
    far = forecaster.forecast(0, FARTHEST)
    finite = bool(np.isfinite(far).all())
    _expect(finite or _is_missing(far), series, f"not finite {FARTHEST} steps ahead")


def check_batches(factory: Factory, series: Series, seed: int = 0) -> None:
    """However values are cut into batches, forecasts and state are the same to the last bit."""
    whole = _fresh(factory)
    values = series.values.copy()
    expected = _learn(whole, 0, series, slice(None))
    _expect(_same(series.values, values), series, "learning changes the caller's array")
    singles = [slice(position, position + 1) for position in range(len(values))]
    for cuts in (singles, list(_random_cuts(len(values), seed))):
        forecaster = _fresh(factory)
        given = np.concatenate([_learn(forecaster, 0, series, cut) for cut in cuts])
        _expect(_same(given, expected), series, "forecasts depend on how batches are cut")
        _expect(forecaster.dump(0) == whole.dump(0), series, "state depends on how batches are cut")


def check_dump(factory: Factory, series: Series, seed: int = 0) -> None:
    """Continuing from a dump, in another row of another instance, changes nothing."""
    unbroken = _fresh(factory)
    forecaster, row = _fresh(factory), 0
    for cut in _random_cuts(len(series.values), seed + 1):
        state = forecaster.dump(row)
        forecaster, row = _fresh(factory, 3), int(cut.start) % 3
        _learn(forecaster, row, series, slice(0, 5))  # load replaces whatever the row was
        forecaster.load(row, state)
        _expect(forecaster.dump(row) == state, series, "a dump differs after it was loaded")
        expected = _learn(unbroken, 0, series, cut)
        given = _learn(forecaster, row, series, cut)
        _expect(_same(given, expected), series, "forecasts differ after a load")
    _expect(forecaster.dump(row) == unbroken.dump(0), series, "state differs after loads")
    _expect(
        _same(forecaster.forecast(row, HORIZON), unbroken.forecast(0, HORIZON)),
        series,
        "the forecast differs after loads",
    )


def check_reset(factory: Factory, series: Series) -> None:
    """A row that was reset is like one that never learned."""
    forecaster, fresh = _fresh(factory), _fresh(factory)
    first = _learn(forecaster, 0, series, slice(None))
    forecaster.reset(0)
    _expect(forecaster.dump(0) == fresh.dump(0), series, "state is left after a reset")
    _expect(_is_missing(forecaster.forecast(0, 1)), series, "a forecast is left after a reset")
    again = _learn(forecaster, 0, series, slice(None))
    _expect(_same(again, first), series, "a row learns differently after a reset")


def check_rows_apart(factory: Factory, every: Sequence[Series], seed: int = 0) -> None:
    """Learning series together, in any mixture, is learning each alone."""
    count = len(every)
    alone = _fresh(factory, count)
    expected = [_learn(alone, row, series, slice(None)) for row, series in enumerate(every)]
    rows = np.repeat(np.arange(count), [len(series.values) for series in every])
    np.random.default_rng(seed).shuffle(rows)
    order = np.argsort(rows, kind="stable")
    timestamps, values = np.empty(rows.size, np.int64), np.empty(rows.size)
    timestamps[order] = np.concatenate([series.timestamps for series in every])
    values[order] = np.concatenate([series.values for series in every])
    mixed = _fresh(factory, count)
    cuts = list(_random_cuts(rows.size, seed))
    given = np.concatenate([mixed.learn_many(rows[c], timestamps[c], values[c]) for c in cuts])
    for row, series in enumerate(every):
        _expect(_same(given[rows == row], expected[row]), series, "rows influence each other")
        _expect(mixed.dump(row) == alone.dump(row), series, "state of rows is mixed up")


def check_not_finite(factory: Factory, series: Series) -> None:
    """NaN and infinity never come through a bank of series; should they reach a forecaster, the
    harm stays within the row and is gone after a reset."""
    alone, hit = _fresh(factory), _fresh(factory, 2)
    expected = _learn(alone, 0, series, slice(None))
    bad = series.values.copy()
    bad[::7], bad[1::7], bad[2::7] = np.nan, np.inf, -np.inf
    rows = np.tile([0, 1], bad.size)
    with np.errstate(all="ignore"):
        given = hit.learn_many(
            rows, np.repeat(series.timestamps, 2), np.column_stack([series.values, bad]).ravel()
        )
        hit.forecast(1, HORIZON)
    _expect(_same(given[::2], expected), series, "a row suffers from another's NaN or infinity")
    _expect(hit.dump(0) == alone.dump(0), series, "state suffers from another's NaN or infinity")
    hit.reset(1)
    again = _learn(hit, 1, series, slice(None))
    _expect(_same(again, expected), series, "NaN or infinity outlast a reset")


def check_growth(factory: Factory, series: Series) -> None:
    """More rows leave the old ones as they are and are fresh."""
    forecaster = _fresh(factory)
    _learn(forecaster, 0, series, slice(None))
    state, fresh = forecaster.dump(0), _fresh(factory).dump(0)
    forecaster.resize(50)
    _expect(forecaster.dump(0) == state, series, "a row changes when there is room for more")
    _expect(forecaster.dump(49) == fresh, series, "a new row is not fresh")


def check_damage(factory: Factory, series: Series) -> None:
    """Damaged state is refused by StateError and leaves the row fresh."""
    forecaster = _fresh(factory)
    fresh = forecaster.dump(0)
    for learned in (3, len(series.values)):
        _learn(forecaster, 0, series, slice(0, learned))
        state = forecaster.dump(0)
        damaged = [state[:cut] for cut in (1, len(state) // 2, len(state) - 1)]
        for data in (*damaged, state + b"\0", b"\xff" * len(state)):
            try:
                forecaster.load(0, data)
            except StateError:
                _expect(forecaster.dump(0) == fresh, series, "a refused load leaves state")
            else:
                raise AssertionError("damaged state is accepted")


def check_size(factory: Factory, length: int = LENGTH, seed: int = 0) -> None:
    """The size of a dump does not follow the number of values."""
    forecaster = _fresh(factory)
    long = series_kinds(16 * length, seed)[0]
    _learn(forecaster, 0, long, slice(0, 4 * length))
    size = len(forecaster.dump(0))
    _learn(forecaster, 0, long, slice(4 * length, None))
    later = len(forecaster.dump(0))
    _expect(later <= 1.5 * size + 64, long, f"a dump grew from {size} to {later} bytes")


def check_memory(factory: Factory, length: int = LENGTH, seed: int = 0) -> None:
    """Nor does the memory that it takes, dumped or not."""
    forecaster = _fresh(factory)
    long = series_kinds(40 * length, seed)[0]
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        _learn(forecaster, 0, long, slice(0, 4 * length))
        sizes = [_traced_bytes()]
        for part in (slice(4 * length, 22 * length), slice(22 * length, None)):
            _learn(forecaster, 0, long, part)
            sizes.append(_traced_bytes())
        # What others in the process keep by chance is in one of the halves; a leak is in both.
        growth = min(sizes[1] - sizes[0], sizes[2] - sizes[1])
    finally:
        if not tracing:
            tracemalloc.stop()
    _expect(growth <= GROWTH_BYTES, long, f"memory grew by {growth} bytes")


def _traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _fresh(factory: Factory, rows: int = 1) -> Forecaster:
    forecaster = factory()
    forecaster.resize(rows)
    return forecaster


def _learn(forecaster: Forecaster, row: int, series: Series, part: slice) -> FloatArray:
    values = series.values[part]
    given = forecaster.learn_many(np.full(values.size, row), series.timestamps[part], values)
    _expect(given.shape == values.shape, series, "learn_many gives another number of forecasts")
    return given


def _random_cuts(size: int, seed: int) -> Iterator[slice]:
    random = np.random.default_rng(seed)
    start = 0
    while start < size:
        stop = min(size, start + int(random.integers(1, 40)))
        yield slice(start, stop)
        start = stop


def _same(one: FloatArray, other: FloatArray) -> bool:
    """Equal to the last bit, any NaN being equal to any other."""
    return bool(
        np.array_equal(one, other, equal_nan=True)
        and np.array_equal(np.signbit(one)[one == 0], np.signbit(other)[other == 0])
    )


def _is_missing(forecast: FloatArray) -> bool:
    return bool(np.isnan(forecast).all())


def _expect(condition: bool, series: Series, message: str) -> None:
    if not condition:
        raise AssertionError(f"series {series.name!r}: {message}")
