"""The tables as people see them: named views over the three stored ones."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from aiokafka.partitioner import murmur2

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.forecasting.bank import SeriesBank
from streams.core.kernel.batch import series_key, split_series_key
from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.feature import View
from streams.core.kernel.model_results import RunningAccuracy, SeriesForecast
from streams.core.kernel.store import ENTITIES, SERIES
from streams.core.partition import Partition
from streams.core.safety.state import SafetyState
from streams.core.series.store import HOT
from streams.errors import UnknownName
from streams.runtime.tables import TableSet

SLASH = "/"
CONTROL = "control"


PARTITION = "partition"
"""Key of the view that no entity has a row in."""

_CONTROL = View(CONTROL, "what operators permit in each partition", PARTITION, lambda _: {})
_SEEN = View(
    "seen_ids",
    "hashes of the ids of events, actions, outcomes and commands lately handled",
    "entity",
    lambda entity: {"": seen} if (seen := entity.seen()) else {},
)
_OF_SERIES = tuple(
    View(name, description, "entity/metric", lambda _: {})
    for name, description in (
        ("metric_state", "latest value, baseline and count"),
        ("models", "what the forecaster of a series holds"),
        ("forecasts", "forecast as of now"),
    )
)


def all_views(config: CoreConfig) -> Sequence[View]:
    """All views, in the order in which they are listed."""
    return (*build_features(config).views.values(), _CONTROL, _SEEN, *_OF_SERIES)


class Views:
    """Reads over the partitions that this worker owns, memory first, store second."""

    def __init__(
        self,
        partitions: Callable[[int], Partition],
        owned: Callable[[], frozenset[int]],
        tables: TableSet,
        count: int,
        config: CoreConfig,
    ) -> None:
        self._partition = partitions
        self._owned = owned
        self._tables = tables
        self._count = count
        self._horizon = config.forecasting.horizon
        self._level = config.forecasting.level
        self._views = {view.name: view for view in all_views(config)}

    def list(self) -> Sequence[View]:
        """What can be read."""
        return tuple(self._views.values())

    def partition_of(self, entity_id: str) -> int:
        """Partition of an entity under Kafka's murmur2 partitioner."""
        return (murmur2(entity_id.encode()) & 0x7FFFFFFF) % self._count

    def entity_of(self, table: str, key: str) -> str | None:
        """The entity part of a key; None where it has none."""
        view = self._views[table]
        if view is _CONTROL:
            return None
        return key if view.key == "entity" else _split(key)[0]

    def get(self, table: str, key: str) -> object | None:
        view = self._views[table]
        entity = self.entity_of(table, key)
        if entity is None:
            return dict(self._controls()).get(key)
        number = self.partition_of(entity)
        if number not in self._owned() or entity == EVERYBODY:
            return None
        if view in _OF_SERIES:
            return self._series_row(view.name, number, entity, _split(key)[1])
        state = self._partition(number).entities.find(entity)
        if state is None:
            return None
        row = view.rows(state).get("" if view.key == "entity" else _split(key)[1])
        return None if row is None else msgspec.to_builtins(row)

    def scan(self, table: str, after: str, limit: int) -> tuple[list[tuple[str, object]], bool]:
        """Up to ``limit`` rows behind ``after``, and whether more follow.

        In the order of the store: by the stored key, then by the second part of the view's key.
        """
        view = self._views[table]
        beyond = self.order(table, after) if after else ("", "")
        items: list[tuple[str, object]] = []
        for key, row in self._walk(view, beyond):
            if len(items) == limit:
                return items, True
            items.append((key, row))
        return items, False

    def order(self, table: str, key: str) -> tuple[str, str]:
        """What rows of a view are ordered by: the order of the store."""
        view = self._views[table]
        if view.key in ("entity", PARTITION):
            return key, ""
        return (series_key(*_split(key)), "") if view in _OF_SERIES else _split(key)

    # -- questions about one series -------------------------------------------------------------

    def forecast(
        self, entity: str, metric: str, horizon: int, level: float, method: str = ""
    ) -> SeriesForecast | None:
        """Forecast of a series of an owned partition; None without enough values.

        Raises UnknownName for a method that does not run, ConfigError for a horizon or level out
        of range, UnknownName for a series that was never measured here.
        """
        self._series(entity, metric)
        part = self._partition(self.partition_of(entity))
        return part.forecast(entity, metric, horizon, level, method)

    def accuracy(self, entity: str, metric: str) -> RunningAccuracy:
        """Errors of the forecasts so far; raises UnknownName."""
        bank, row = self._series(entity, metric)
        return bank.accuracy(row)

    def recent(self, entity: str, metric: str) -> list[float]:
        """The newest values, oldest first; raises UnknownName."""
        bank, row = self._series(entity, metric)
        return bank.recent(row).tolist()

    def points(self, entity: str, metric: str) -> int:
        """Values learned; raises UnknownName."""
        bank, row = self._series(entity, metric)
        return bank.points(row)

    def newest(self, entity: str, metric: str) -> int:
        """Event time of the newest value, ms; raises UnknownName."""
        part = self._partition(self.partition_of(entity))
        _, row = self._series(entity, metric)
        return int(part.series.hot["timestamp"][row])

    def _series(self, entity: str, metric: str) -> tuple[SeriesBank, int]:
        number = self.partition_of(entity)
        if number in self._owned():
            series = self._partition(number).series
            row = series.find(series_key(entity, metric))
            if row is not None:
                return series.bank, row
        raise UnknownName(
            "no values of this metric are known",
            field="metric",
            value=f"{entity}/{metric}",
            remedy="send metrics first; the view metric_state lists what is known",
        )

    def _controls(self) -> list[tuple[str, object]]:
        """By number of the partition, those that this worker owns."""
        rows: list[tuple[str, object]] = []
        for number in self._owned():
            state = self._partition(number).entities.peek(EVERYBODY)
            safety = SafetyState() if state is None else state.read(SafetyState)
            rows.append((str(number), msgspec.to_builtins(safety.controls)))
        return sorted(rows, key=lambda row: row[0])

    def _walk(self, view: View, beyond: tuple[str, str]) -> Iterator[tuple[str, object]]:
        if view is _CONTROL:
            yield from (row for row in self._controls() if (row[0], "") > beyond)
            return
        if view in _OF_SERIES:
            for key in self._keys(SERIES, beyond[0]):
                entity, metric = split_series_key(key)
                row = self._series_row(view.name, self.partition_of(entity), entity, metric)
                if (key, "") > beyond and row is not None:
                    yield _join(view, entity, metric), row
            return
        for entity in self._keys(ENTITIES, beyond[0]):
            if entity == EVERYBODY:
                continue
            state = self._partition(self.partition_of(entity)).entities.peek(entity)
            rows = {} if state is None else msgspec.to_builtins(dict(view.rows(state)))
            for second, row in sorted(rows.items()):
                if (entity, second) > beyond:
                    yield _join(view, entity, second), row

    def _keys(self, table: str, start: str) -> Iterator[str]:
        """Keys of a stored table from ``start`` on, in memory or not, each once, ascending."""
        sources: list[Iterable[str]] = []
        for number in self._owned():
            stored = self._tables.scan(table, number, start.encode())
            sources.append(key.decode() for key, _ in stored)
            resident = self._partition(number).resident_keys(table)
            sources.append(sorted(key for key in resident if key >= start))
        last = None
        for key in heapq.merge(*sources):
            if key != last:
                yield key
            last = key

    def _series_row(self, view: str, number: int, entity: str, metric: str) -> object | None:
        part = self._partition(number)
        key = series_key(entity, metric)
        row = part.series.find(key)
        if row is None:
            return None
        if view == "forecasts":
            forecast = part.forecast(entity, metric, self._horizon, self._level)
            return None if forecast is None else _forecast_row(forecast)
        if view == "models":
            bank = part.series.bank
            return {"points": bank.points(row), "bytes": len(bank.dump(row))}
        return hot_row(part.series.hot[row])


_INWARD = {"version", "beyond", "gap"}
"""Fields of a hot row that say nothing to people."""


def hot_row(row: Any) -> dict[str, object]:
    """Metric state as people read it; NaN becomes null."""
    values = {name: row[name].item() for name in HOT.names or () if name not in _INWARD}
    return {n: None if isinstance(v, float) and v != v else v for n, v in values.items()}


def _forecast_row(forecast: SeriesForecast) -> dict[str, object]:
    names = ("method", "members", "step_ms", "level", "error", "coverage", "points")
    row: dict[str, object] = {name: getattr(forecast, name) for name in names}
    return row | {name: getattr(forecast, name).tolist() for name in ("mean", "lower", "upper")}


def _split(key: str) -> tuple[str, str]:
    """(entity, second part) of a key; a slash inside either stands as %2F."""
    entity, _, second = key.partition(SLASH)
    return unquote(entity), unquote(second)


def _join(view: View, entity: str, second: str) -> str:
    if view.key == "entity":
        return entity
    return SLASH.join(part.replace("%", "%25").replace(SLASH, "%2F") for part in (entity, second))
