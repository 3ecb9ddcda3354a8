"""Metric state of many series as columns, one row each, with their models beside them.

A row is *hot* state (64 bytes, saved at every checkpoint) plus the models' state (hundreds of
bytes and more, saved at a pace set by a byte budget). Each carries the offset of the last metric
it includes, so after a crash either may be behind and only re-learns what it misses.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.batch import IntArray, split_series_key
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.store import MODELS, SERIES, StateReader, Write
from streams.core.metric.limits import KnownMetrics
from streams.errors import StateError
from streams.records import Direction

HOT_VERSION = 1
NO_OFFSET = -1
ALWAYS_DUE, NEVER_DUE = 0, int(np.iinfo(np.int64).max)
"""Before every time, so that each value is analysed, also one that is not in order."""

HOT = np.dtype(
    [
        ("version", "<i2"),
        ("beyond", "<i2"),
        ("gap", "<i4"),
        ("offset", "<i8"),
        ("count", "<i8"),
        ("timestamp", "<i8"),
        ("due", "<i8"),
        ("last", "<f8"),
        ("previous", "<f8"),
        ("baseline", "<f8"),
    ]
)
"""Stored layout of a hot row. ``beyond``: 1 from where the value passes its limit until it is well
inside again. ``gap``: event time between the newest two values, ms. ``timestamp``: event time of
the newest value; ``due``: when (decision time) it is analysed next. Release 0.1.0 had zeros in
place of the first two of these."""
LONGEST_GAP_MS = int(np.iinfo(np.int32).max)

_FRESH = np.array(
    [(HOT_VERSION, 0, 0, NO_OFFSET, 0, 0, 0, np.nan, np.nan, np.nan)],
    dtype=HOT,
)[0]
_FRESH_BYTES = _FRESH.tobytes()
_NUMBER_BYTES = 8
_INITIAL_ROWS = 1024
FORECASTS_KEPT = 4096
"""Forecasts kept until their series learn; beyond that all are made anew."""
_Asked = tuple[int, int, float, str]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Fibonacci hashing: spreads consecutive numbers evenly (Knuth, TAOCP 3, 6.4)."""


class SeriesStore:
    """Rows of the series that one partition holds in memory; the rest stays with the reader."""

    def __init__(
        self,
        config: ForecastConfig,
        known: KnownMetrics,
        reader: StateReader,
        are_watched: Callable[[list[tuple[str, str]]], list[bool]],
    ) -> None:
        """``are_watched``: whether a feature wants every value, for pairs of entity and metric."""
        self._config = config
        self._known = known
        self._reader = reader
        self._are_watched = are_watched
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self.keys: list[str] = []
        self.entities: list[str] = []
        self.metrics: list[str] = []
        self.bank = SeriesBank(config)
        self._forecasts: dict[_Asked, tuple[int, SeriesForecast | None]] = {}
        self.hot: NDArray[np.void] = np.empty(0, HOT)
        self.model_offset: IntArray = np.empty(0, np.int64)
        self.model_newest: IntArray = np.empty(0, np.int64)
        """Event time of the newest value that the models have learned; 0 for none."""
        self.unsaved_since: IntArray = np.empty(0, np.int64)
        """Offset of the first metric that the stored model lacks; NO_OFFSET when none."""
        self.upper = np.empty(0)
        """Value above which the metric is in breach; inf without a limit."""
        self.lower = np.empty(0)
        self.watched = np.empty(0, np.bool_)
        """Whether a feature wants to see every value."""
        self._dirty = np.empty(0, np.bool_)
        self._clock = 0
        self.rewarmed: list[str] = []
        """Keys whose stored models could not be used by this release and learn anew."""
        self._grow(_INITIAL_ROWS)

    def __len__(self) -> int:
        return len(self._rows)

    # -- rows ---------------------------------------------------------------------------------

    def rows_of(self, keys: Sequence[str]) -> IntArray:
        """Row of each key; rows that are not in memory are loaded or begun."""
        self._clock += 1
        get = self._rows.get
        rows = np.array([get(key, -1) for key in keys], dtype=np.int64)
        if rows.size and rows.min() < 0:
            self._load(list(dict.fromkeys(key for key in keys if key not in self._rows)))
            rows = np.array([self._rows[key] for key in keys], dtype=np.int64)
        return rows

    def missing(self, keys: Sequence[str]) -> int:
        """How many of ``keys`` would have to be loaded."""
        return len({key for key in keys if key not in self._rows})

    def find(self, key: str) -> int | None:
        """Row of a series that has been measured; None when it never was. Begins no row."""
        row = self._rows.get(key)
        if row is None:
            stored = self._reader.get_many(SERIES, [key.encode()])[0]
            if stored is None:
                return None
            self._load([key])
            row = self._rows[key]
        return row if self.hot["count"][row] else None

    def forecast(
        self, row: int, horizon: int, level: float, method: str = ""
    ) -> SeriesForecast | None:
        """What the bank forecasts, computed once until the series learns; raises what it does."""
        key, learned = (row, horizon, level, method), int(self.model_offset[row])
        known = self._forecasts.get(key)
        if known is not None and known[0] == learned != NO_OFFSET:
            return known[1]
        if len(self._forecasts) >= FORECASTS_KEPT:
            self._forecasts.clear()
        found = self.bank.forecast(row, horizon, level, method)
        self._forecasts[key] = learned, found
        return found

    def set_watched(self, key: str, watched: bool) -> None:
        """Whether its values are watched has changed; rows not in memory learn it when loaded."""
        row = self._rows.get(key)
        if row is not None:
            self.watched[row] = watched

    def first_due(self, row: int, timestamp: int) -> int:
        """When a series that starts now is first analysed: spread over the interval by its key."""
        interval = self._config.interval_ms
        if not self._config.auto_analysis:
            return NEVER_DUE
        if not interval:
            return ALWAYS_DUE
        return timestamp + zlib.crc32(self.keys[row].encode()) % interval

    def next_due(self, now: int) -> int:
        """When a series that is analysed now is analysed next."""
        interval = self._config.interval_ms
        return now + interval if interval else ALWAYS_DUE

    def _load(self, keys: list[str]) -> None:
        encoded = [key.encode() for key in keys]
        hot_values = self._reader.get_many(SERIES, encoded)
        model_values = self._reader.get_many(MODELS, encoded)
        while len(self._free) < len(keys):
            self._grow(max(len(self.keys) * 2, _INITIAL_ROWS))
        rows = [self._free.pop() for _ in keys]
        pairs = [split_series_key(key) for key in keys]
        limits = [self._limits(metric) for _, metric in pairs]
        self.lower[rows], self.upper[rows] = np.array(limits).T
        self.hot[rows] = _decode_hot([_FRESH_BYTES if hot is None else hot for hot in hot_values])
        self._upgrade(np.array(rows))
        for row, key, (entity, metric), model in zip(rows, keys, pairs, model_values, strict=True):
            self._rows[key] = row
            self.keys[row], self.entities[row], self.metrics[row] = key, entity, metric
            self.model_offset[row], self.model_newest[row] = NO_OFFSET, 0
            if model is not None:
                self._load_model(row, model)
        self.unsaved_since[rows] = NO_OFFSET
        self._dirty[rows] = False
        self.watched[rows] = self._are_watched(pairs)

    def _upgrade(self, rows: IntArray) -> None:
        """Release 0.1.0 took a value for one that passes its limit wherever that before it was
        inside."""
        old = rows[(self.hot["gap"][rows] == 0) & (self.hot["count"][rows] > 1)]
        last = self.hot["last"][old]
        self.hot["beyond"][old] = (last > self.upper[old]) | (last < self.lower[old])

    def _load_model(self, row: int, data: bytes) -> None:
        """See ``take_models``; release 0.1.0 stored the offset alone, not negative."""
        offset, size = _number(data), _NUMBER_BYTES
        if offset < 0:
            offset, size = ~offset, 2 * _NUMBER_BYTES
            self.model_newest[row] = _number(data[_NUMBER_BYTES:])
        elif self.hot["offset"][row] <= offset:
            self.model_newest[row] = self.hot["timestamp"][row]
        self.model_offset[row] = offset
        if self.bank.load(row, data[size:]):
            self.rewarmed.append(self.keys[row])

    def _limits(self, metric: str) -> tuple[float, float]:
        limit = self._known.limit(metric)
        if limit is None:
            return -np.inf, np.inf
        bad_below = limit.known.direction is Direction.AT_LEAST
        return (limit.value, np.inf) if bad_below else (-np.inf, limit.value)

    def _grow(self, rows: int) -> None:
        old = len(self.keys)
        extra = rows - old
        self.keys += [""] * extra
        self.entities += [""] * extra
        self.metrics += [""] * extra
        self.hot = np.concatenate([self.hot, np.full(extra, _FRESH, HOT)])
        self.model_offset = _extend(self.model_offset, extra, NO_OFFSET)
        self.model_newest = _extend(self.model_newest, extra, 0)
        self.unsaved_since = _extend(self.unsaved_since, extra, NO_OFFSET)
        self.upper = np.concatenate([self.upper, np.full(extra, np.inf)])
        self.lower = np.concatenate([self.lower, np.full(extra, -np.inf)])
        self.watched = np.concatenate([self.watched, np.zeros(extra, np.bool_)])
        self._dirty = np.concatenate([self._dirty, np.zeros(extra, np.bool_)])
        self.bank.resize(rows)
        self._free.extend(range(rows - 1, old - 1, -1))

    # -- checkpoint ---------------------------------------------------------------------------

    def mark_hot(self, rows: IntArray) -> None:
        self._dirty[rows] = True

    def mark_learned(
        self, rows: IntArray, first_offsets: IntArray, last_offsets: IntArray, newest: IntArray
    ) -> None:
        """Models of ``rows`` (each once) learned metrics between these offsets, the last one of
        the event time ``newest``."""
        clean = rows[self.unsaved_since[rows] == NO_OFFSET]
        if clean.size == rows.size:
            self.unsaved_since[rows] = first_offsets
        else:
            fresh = self.unsaved_since[rows] == NO_OFFSET
            self.unsaved_since[rows[fresh]] = first_offsets[fresh]
        self.model_offset[rows] = last_offsets
        self.model_newest[rows] = newest

    def take_hot(self) -> list[Write]:
        """Rows changed since the last call, in their stored form."""
        rows = np.flatnonzero(self._dirty)
        self._dirty[rows] = False
        data = self.hot[rows].tobytes()
        size = HOT.itemsize
        keys = self.keys
        return [
            Write(keys[row].encode(), data[i * size : (i + 1) * size])
            for i, row in enumerate(rows.tolist())
        ]

    def take_models(self, budget: int | None) -> list[Write]:
        """Models that changed, longest unsaved first, until ``budget`` bytes (None: all).

        Stored is the offset of their last metric, with all bits turned so that it is negative,
        then the event time of that, then what the bank writes.
        """
        rows = np.flatnonzero(self.unsaved_since != NO_OFFSET)
        rows = rows[np.argsort(self.unsaved_since[rows], kind="stable")]
        writes: list[Write] = []
        spent = 0
        dump, keys = self.bank.dump, self.keys
        each: list[int] = rows.tolist()
        heads = np.column_stack([~self.model_offset[rows], self.model_newest[rows]]).astype("<i8")
        for row, head in zip(each, heads, strict=True):
            if budget is not None and spent >= budget:
                break
            value = head.tobytes() + dump(row)
            spent += len(value)
            writes.append(Write(keys[row].encode(), value))
        self.unsaved_since[rows[: len(writes)]] = NO_OFFSET
        return writes

    def oldest_unsaved(self) -> int | None:
        """Offset from which metrics must be read again if the process died now."""
        unsaved = self.unsaved_since[self.unsaved_since != NO_OFFSET]
        return int(unsaved.min()) if unsaved.size else None

    def evict(self, keep: int) -> int:
        """Drop rows that are stored as they are until ``keep`` are left; returns how many.

        Victims are picked by a hash. Series are mostly read round and round, and there the least
        recently used row is the very one that comes next. Only call when every taken write has
        reached the store.
        """
        excess = len(self._rows) - keep
        if excess <= 0:
            return 0
        rows = np.fromiter(self._rows.values(), np.int64, len(self._rows))
        rows = rows[~self._dirty[rows] & (self.unsaved_since[rows] == NO_OFFSET)]
        if excess < rows.size:
            lot = (rows.astype(np.uint64) + np.uint64(self._clock)) * _GOLDEN
            rows = rows[np.argpartition(lot, excess)[:excess]]
        for row in rows.tolist():
            del self._rows[self.keys[row]]
            self.keys[row] = self.entities[row] = self.metrics[row] = ""
            self.bank.reset(row)
        self._free.extend(rows.tolist())
        return int(rows.size)


def _number(data: bytes) -> int:
    return int.from_bytes(data[:_NUMBER_BYTES], "little", signed=True)


def _extend(column: IntArray, extra: int, value: int) -> IntArray:
    return np.concatenate([column, np.full(extra, value, np.int64)])


def _decode_hot(values: list[bytes]) -> NDArray[np.void]:
    """Hot rows from their stored form."""
    odd = next((value for value in values if len(value) != HOT.itemsize), None)
    if odd is None:
        rows = np.frombuffer(b"".join(values), HOT)
        if (rows["version"] == HOT_VERSION).all():
            return rows
        odd = values[int(np.argmax(rows["version"] != HOT_VERSION))]
    raise StateError(
        "stored metric state has another version or size",
        field="series",
        value=odd[:8].hex(),
        remedy="run the release that wrote it, or delete state directory and series changelog",
    )
