"""Views give every row once and in order, wherever it is held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.metric.config import MetricConfig
from streams.core.partition import Partition
from streams.records import Record
from streams.runtime.views import CONTROL, Views, all_views
from tests.kits.core.partition import (
    START,
    Entry,
    action,
    apply_batch,
    event,
    goal,
    metric,
    outcome,
)
from tests.kits.runtime.fake_kafka import MemoryTables, as_any

COUNT = 3
CONFIG = CoreConfig(
    forecasting=ForecastConfig(min_points=2, interval_ms=0, horizon=2, level=0.9),
    metrics={"load": MetricConfig(capacity=10.0)},
)
VIEWS = all_views(CONFIG)
NASTY = ("a", "a/b", "a/b/c", "a%2Fb", "a\x01", "a b", "ä", "a~", "日本", "%", "/", "aa", "0")
"""Ids that contain the separator, its escape, or one another."""


@dataclass
class House:
    """Partitions of one worker over a store, and views over them."""

    owned: frozenset[int] = frozenset(range(COUNT))
    tables: MemoryTables = field(default_factory=MemoryTables)
    partitions: dict[int, Partition] = field(default_factory=dict)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.views = Views(self.partition, lambda: self.owned, as_any(self.tables), COUNT, CONFIG)

    def partition(self, number: int) -> Partition:
        if number not in self.partitions:
            self.partitions[number] = Partition(number, CONFIG, self.tables.reader(number))
        return self.partitions[number]

    def send(self, source: str, *records: Record) -> None:
        for record in records:
            number = self.views.partition_of(record.entity_id)
            entry = Entry(source, self.ends[source, number], record)
            self.ends[source, number] += 1
            apply_batch(self.partition(number), [entry])

    def fill(self, entity: str, *, names: tuple[str, ...] = ("load", "a/b")) -> None:
        """Something in every view."""
        for step, value in enumerate((3.0, 6.0, 9.9)):
            at = START + step
            for name in names:
                self.send("metrics", metric(value, entity_id=entity, name=name, timestamp=at))
        self.send("goals", goal(entity_id=entity, goal_id="g/1", target_metric="load"))
        self.send("actions", action("a-1", entity_id=entity), action("a-2", entity_id=entity))
        self.send("outcomes", outcome("a-1", entity_id=entity))

    def save(self) -> None:
        for number, part in self.partitions.items():
            self.tables.reader(number).save(part.snapshot(None))

    def evict(self) -> None:
        self.save()
        for part in self.partitions.values():
            part.evict(0, 0)

    def pages(self, table: str, limit: int) -> list[tuple[str, Any]]:
        """All rows, a page at a time."""
        rows: list[tuple[str, Any]] = []
        more = True
        while more:
            page, more = self.views.scan(table, rows[-1][0] if rows else "", limit)
            assert len(page) == limit or not more
            rows += page
        return rows


@given(
    stored=st.sets(st.sampled_from(NASTY), max_size=5),
    resident=st.sets(st.sampled_from(NASTY), min_size=1, max_size=5),
    limit=st.integers(1, 3),
)
@settings(max_examples=50)
def test_paging_gives_every_row_once_and_in_order(
    stored: set[str], resident: set[str], limit: int
) -> None:
    house = House()
    for entity in sorted(stored):
        house.fill(entity)
    house.evict()
    for entity in sorted(resident):
        house.fill(entity, names=("load", "b"))
    for view in VIEWS:
        rows = house.pages(view.name, limit)
        keys = [key for key, _ in rows]
        assert len(set(keys)) == len(keys)
        order = [house.views.order(view.name, key) for key in keys]
        assert order == sorted(order)
        entities = {house.views.entity_of(view.name, key) for key in keys}
        # Three values and an event make no pattern and no plan; nobody set a mode.
        if view.name not in ("patterns", "plans", CONTROL):
            assert entities == stored | resident
        for key, row in rows:
            assert house.views.get(view.name, key) == row
            msgspec.json.encode(row)


def test_rows_of_an_entity() -> None:
    house = House()
    house.fill("a/b")
    get = house.views.get
    assert get("goals", "a%2Fb/g%2F1")["target_metric"] == "load"  # type: ignore[index]  # a row
    index = dict(house.pages("goal_index", 5))
    assert "g/1" in index.values()
    state = get("metric_state", "a%2Fb/a%2Fb")
    assert state == {
        "offset": 5, "count": 3, "timestamp": START + 2, "due": 0,
        "last": 9.9, "previous": 6.0, "baseline": 3.0,
    }  # fmt: skip
    assert [key for key, _ in house.pages("pending_actions", 5)] == ["a%2Fb/a-2"]
    assert len(get("outcomes", "a/b")) == 1  # type: ignore[arg-type]  # a list
    forecast: Any = get("forecasts", "a%2Fb/load")
    assert (forecast["points"], len(forecast["mean"])) == (3, 2)
    model: Any = get("models", "a%2Fb/load")
    assert model["points"] == 3


@pytest.mark.spec("S1-036")
def test_patterns_of_an_entity() -> None:
    house = House()
    hours = range(START, START + 10 * 3_600_000, 3_600_000)
    house.send("events", *(event(f"e-{at}", event_type="backup", timestamp=at) for at in hours))
    ((key, row),) = house.pages("patterns", 5)
    pattern = cast(dict[str, Any], row)
    assert key == f"svc/{pattern['pattern_id']}"
    assert (pattern["pattern_type"], pattern["frequency"]) == ("recurring_task", "every 1 hours")
    assert pattern["next_occurrence"] == START + 10 * 3_600_000
    assert pattern["active"] is True


def test_metric_state_before_a_second_value_has_no_nan() -> None:
    house = House()
    house.send("metrics", metric(4.0))
    assert house.views.get("metric_state", "svc/queue") == {
        "offset": 0, "count": 1, "timestamp": START, "due": 0,
        "last": 4.0, "previous": None, "baseline": 4.0,
    }  # fmt: skip
    assert house.views.get("forecasts", "svc/queue") is None
    assert house.pages("forecasts", 5) == []


@pytest.mark.parametrize("evicted", [True, False])
def test_memory_and_store_say_the_same(*, evicted: bool) -> None:
    house = House()
    house.fill("svc")
    expected = {view.name: house.pages(view.name, 10) for view in VIEWS}
    if evicted:
        house.evict()
        assert not any(part.resident for part in house.partitions.values())
    assert {view.name: house.pages(view.name, 10) for view in VIEWS} == expected


def test_memory_wins_over_an_older_store() -> None:
    house = House()
    house.fill("svc")
    house.save()
    house.send("metrics", metric(1.5, name="load", timestamp=START + 9))
    row: Any = house.views.get("metric_state", "svc/load")
    assert row["last"] == 1.5
    assert house.pages("metric_state", 5)[1] == ("svc/load", row)


def test_partition_of_somebody_else() -> None:
    house = House()
    for entity in NASTY:
        house.fill(entity)
    house.owned = frozenset({1})
    mine = {entity for entity in NASTY if house.views.partition_of(entity) == 1}
    assert 0 < len(mine) < len(NASTY)
    for entity in NASTY:
        assert (house.views.get("suggestions", entity) is not None) == (entity in mine)
    assert {key for key, _ in house.pages("suggestions", 2)} == mine
    house.owned = frozenset()
    assert house.pages("metric_state", 2) == []


def test_partition_is_that_of_kafka() -> None:
    views = House().views
    # murmur2 of "21" is -973932308, the first of Kafka's own test vectors
    assert views.partition_of("21") == (-973932308 & 0x7FFFFFFF) % COUNT


def test_unknown_rows() -> None:
    house = House()
    house.fill("svc")
    for key in ("svc/none", "none/load", "svc", ""):
        assert house.views.get("metric_state", key) is None
        assert house.views.get("goals", key) is None
    assert house.views.get("suggestions", "none") is None
