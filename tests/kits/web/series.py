"""The series of a worker of plain objects: a real bank, and topics as lists of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from streams.core.capacity.capacity_report import CapacityReport, capacity_report
from streams.core.capacity.config import StateConfig
from streams.core.config import CoreConfig
from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.model_results import RunningAccuracy, SeriesForecast
from streams.core.patterns.learner import Analysis, PatternLearner
from streams.errors import Unavailable, UnknownName
from streams.records import Event, Record
from streams.runtime.publisher import Written
from streams.web import History
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry
from tests.kits.messages import Message, message

HOUR = 3_600_000
MINUTE = 60_000
START = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""
RECORD_TIME = 1_790_000_000_000


@dataclass
class MemorySeries:
    """``broken`` makes the broker unavailable."""

    config: ForecastConfig = field(default_factory=ForecastConfig)
    topics: dict[str, list[Message]] = field(default_factory=dict)
    broken: bool = False
    _rows: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """(row, newest timestamp) by entity and metric."""

    @cached_property
    def bank(self) -> SeriesBank:
        bank = SeriesBank(self.config)
        bank.resize(4)
        return bank

    def learn(
        self, entity: str, metric: str, values: Sequence[float], *, step_ms: int = HOUR
    ) -> None:
        """A new series that begins at START."""
        row, count = len(self._rows), len(values)
        times = START + step_ms * np.arange(count, dtype=np.int64)
        self.bank.learn_many(np.full(count, row), times, np.asarray(values, float))
        self._rows[entity, metric] = row, int(times[-1])

    def written(self, topic: str, kind: type[Record]) -> list[Record]:
        """What a consumer of the topic reads."""
        decoded = RecordDecoder(EmbeddedRegistry(), kind).decode(self.topics.get(topic, []))
        assert decoded.rejected == []
        return [one.record for one in decoded.records]

    def methods(self) -> Sequence[str]:
        return self.bank.names

    def min_points(self) -> int:
        return self.config.min_points

    def history(self, entity: str, metric: str) -> History:
        row, newest = self._row(entity, metric)
        return History(self.bank.points(row), newest, self.bank.recent(row).tolist())

    def forecast(
        self, entity: str, metric: str, horizon: int, level: float, method: str
    ) -> SeriesForecast | None:
        return self.bank.forecast(self._row(entity, metric)[0], horizon, level, method)

    def accuracy(self, entity: str, metric: str) -> RunningAccuracy:
        return self.bank.accuracy(self._row(entity, metric)[0])

    def capacity_report(self) -> CapacityReport:
        return capacity_report(CoreConfig(), StateConfig(), RECORD_TIME)

    def analyse(self, events: Sequence[Event]) -> Analysis:
        return PatternLearner().analyse(events)

    async def publish(self, logical: str, records: Sequence[Record]) -> Sequence[Written]:
        if self.broken:
            raise Unavailable("no broker", field="topic", value=logical, remedy="start it")
        log = self.topics.setdefault(logical, [])
        first = len(log)
        log.extend(message(record, offset=first + k) for k, record in enumerate(records))
        return [Written(f"test.{logical}", 0, first + k) for k in range(len(records))]

    async def result(self, logical: str, partition: int, offset: int, seconds: float) -> None:
        """Nothing reads what is written here."""
        await asyncio.sleep(seconds)

    async def broadcast(self, logical: str, record: Record) -> Sequence[Written]:
        await self.publish(logical, [record])
        offset = len(self.topics[logical]) - 1
        return [Written(f"test.{logical}", number, offset) for number in range(4)]

    def _row(self, entity: str, metric: str) -> tuple[int, int]:
        if (entity, metric) not in self._rows:
            raise UnknownName(
                "no values of this metric are known",
                field="metric",
                value=f"{entity}/{metric}",
                remedy="send metrics first",
            )
        return self._rows[entity, metric]
