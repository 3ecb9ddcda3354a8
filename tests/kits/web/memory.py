"""A worker of plain dictionaries, whose series are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.kernel.commands import CommandSpec
from streams.errors import InvalidRecord
from streams.web import Health, Page, TableInfo
from streams.web.group.source import AutonomyFacts
from tests.kits.web.series import MemorySeries

COUNT = 4
FACTS = AutonomyFacts(
    autonomous=True,
    mode="recommend",
    auto_goal_setting=True,
    analysis_ms=3_600_000,
    breach_probability=0.5,
    limits={"cpu": 95.0},
    learning=True,
    min_samples=5,
    actions=frozenset(),
    handlers=frozenset(),
)
WELL = Health(True)

TABLES = (
    TableInfo("suggestions", "Latest suggestion", "entity"),
    TableInfo("metric_state", "What is known of a metric", "entity/metric"),
    TableInfo("goals", "Goals", "goal id", by_entity=False),
)


@dataclass
class MemorySource(MemorySeries):
    """Partition of an entity: its length modulo ``count``. Rows are (entity, value) by key."""

    mine: frozenset[int] = frozenset(range(COUNT))
    count: int = COUNT
    rows: dict[str, dict[str, tuple[str, object]]] = field(default_factory=dict)
    alive: Health = WELL
    is_ready: Health = WELL
    known: Sequence[TableInfo] = TABLES
    facts: AutonomyFacts = FACTS
    halt_reason: str = ""

    def put(self, table: str, key: str, value: object, *, entity: str = "") -> None:
        self.rows.setdefault(table, {})[key] = (entity or key.partition("/")[0], value)

    def known_commands(self) -> Mapping[str, CommandSpec[Any]]:
        return build_features(CoreConfig()).commands

    def live(self) -> Health:
        return self.alive

    def ready(self) -> Health:
        return self.is_ready

    def tables(self) -> Sequence[TableInfo]:
        return self.known

    def get(self, table: str, key: str) -> object | None:
        if key == "bug":
            raise RuntimeError("secret of the inside")
        if table == "metric_state" and "/" not in key:
            raise InvalidRecord("no metric", field="key", value=key, remedy="entity/metric")
        entity, value = self.rows.get(table, {}).get(key, ("", None))
        return value if self.partition_of(entity) in self.mine else None

    def scan(self, table: str, after: str, limit: int) -> Page:
        rows = self.rows.get(table, {})
        keys = sorted(
            key
            for key, (entity, _) in rows.items()
            if key > after and self.partition_of(entity) in self.mine
        )
        items = [(key, rows[key][1]) for key in keys[:limit]]
        return Page(items, items[-1][0] if len(keys) > limit else None)

    def autonomy(self) -> AutonomyFacts:
        return self.facts

    def halted(self) -> str:
        return self.halt_reason

    def halt(self, reason: str) -> None:
        self.halt_reason = reason

    def release(self) -> None:
        self.halt_reason = ""

    def partition_count(self) -> int:
        return self.count

    def partition_of(self, entity_id: str) -> int:
        return len(entity_id) % self.count

    def owned(self) -> frozenset[int]:
        return self.mine

    def order(self, table: str, key: str) -> tuple[str, ...]:
        return (key,)

    def entity_of(self, table: str, key: str) -> str | None:
        return None if table == "goals" else key.partition("/")[0]
