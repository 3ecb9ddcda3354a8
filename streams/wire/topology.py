"""The topics as declared in ``topics.yaml``: parsed once, checked, frozen."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from streams.core.kernel.store import TABLES
from streams.errors import ConfigError, UnknownName, nearest
from streams.records import (
    Action,
    Alert,
    Command,
    DeadLetter,
    Decision,
    Event,
    Feedback,
    Forecast,
    Goal,
    LoopEvent,
    Metric,
    Outcome,
    Pattern,
    Plan,
    Prediction,
    Record,
    Suggestion,
)
from streams.wire.declaration import read_declaration
from streams.wire.registry import subject_name
from streams.wire.resources import topics_path
from streams.wire.roles import Role

RECORD_OF: Mapping[str, type[Record]] = {
    "metrics": Metric,
    "events": Event,
    "actions": Action,
    "goals": Goal,
    "plans": Plan,
    "suggestions": Suggestion,
    "feedback": Feedback,
    "outcomes": Outcome,
    "alerts": Alert,
    "loop-events": LoopEvent,
    "commands": Command,
    "forecasts": Forecast,
    "predictions": Prediction,
    "patterns": Pattern,
    "decisions": Decision,
    "dead-letter": DeadLetter,
}
"""Every logical topic and the record that travels on it."""

INPUTS = ("metrics", "events", "actions", "goals", "outcomes", "commands")
"""Logical topics that the worker reads."""

_LEGAL = r"^[A-Za-z0-9._-]+$"
_LONGEST_NAME = 249

_Entry = TypeVar("_Entry")

_CONFIG_NAMES = frozenset(
    {
        "cleanup.policy",
        "compression.type",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "index.interval.bytes",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "remote.storage.enable",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)
"""Kafka's topic settings that may stand in the file."""


class KeyKind(StrEnum):
    """What the message key is."""

    ENTITY = "entity"
    LOOP = "loop"
    ORIGINAL = "original"


_KEY_OF: Mapping[type[Record], KeyKind] = {
    LoopEvent: KeyKind.LOOP,
    DeadLetter: KeyKind.ORIGINAL,
}


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError("not a count", value=value, remedy="use a whole number from 1 on")
    return value


def _known(names: Set[str], table: dict[str, _Entry]) -> dict[str, _Entry]:
    for name in sorted(table.keys() - names):
        raise ConfigError("unknown key", field=name, value="...", remedy=nearest(name, names))
    return table


def _complete(names: Set[str], table: dict[str, _Entry]) -> dict[str, _Entry]:
    for name in sorted(names - _known(names, table).keys()):
        raise ConfigError("missing key", field=name, remedy="add it")
    return table


def _roles(names: list[str]) -> list[str]:
    for name in names:
        if name not in tuple(Role):
            raise ConfigError("unknown value", value=name, remedy=nearest(name, Role))
    return names


def _config(table: dict[str, Any]) -> dict[str, str]:
    for key, value in _known(_CONFIG_NAMES, table).items():
        if not isinstance(value, int | float | str):
            remedy = "use a number or a text"
            raise ConfigError("not a single value", field=key, value=value, remedy=remedy)
    flags = {True: "true", False: "false"}
    return {key: flags[v] if isinstance(v, bool) else str(v) for key, v in table.items()}


_Count = Annotated[int, BeforeValidator(_count)]
_Roles = Annotated[list[str], AfterValidator(_roles)]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Changelog(_Declared):
    config: Annotated[dict[str, Any], AfterValidator(_config)]


class _Topic(_Changelog):
    name: Annotated[str, Field(pattern=_LEGAL)]
    record: str
    key: str
    co_partitioned: bool
    writers: _Roles
    readers: _Roles
    partitions: _Count | None = None
    replication: _Count | None = None


class _File(_Declared):
    partitions: _Count
    replication: _Count
    topics: Annotated[dict[str, _Topic], AfterValidator(partial(_complete, RECORD_OF.keys()))]
    changelogs: Annotated[dict[str, _Changelog], AfterValidator(partial(_complete, set(TABLES)))]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be on the cluster."""

    logical: str
    """Logical name; for a changelog the name of its table."""
    name: str
    """Kafka name, prefix included."""
    partitions: int
    replication: int
    config: Mapping[str, str]
    """Kafka's topic configuration, as text."""
    key: KeyKind
    record_type: type[Record] | None
    """None for a changelog, whose values are the worker's own."""
    co_partitioned: bool
    readers: frozenset[Role]
    writers: frozenset[Role]

    @property
    def subject(self) -> str:
        """Subject of the value's schema in a registry."""
        return subject_name(self.name)


@dataclass(frozen=True, slots=True)
class Topology:
    """All topics. Co-partitioned ones and changelogs have the same number of partitions."""

    topics: tuple[TopicSpec, ...]
    """The logical topics, in the order of the file."""
    changelogs: tuple[TopicSpec, ...]
    removed: tuple[str, ...]
    """Kafka names of topics that are no longer part of it and may be deleted."""
    prefix: str
    app_id: str

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        prefix: str = "",
        *,
        app_id: str = "goalstream",
        partitions: int | None = None,
        replication: int | None = None,
    ) -> Topology:
        """Read ``path`` (None: the packaged file).

        ``partitions`` and ``replication`` replace the numbers in the file. Raises ConfigError
        that names file, key, value and remedy.
        """
        file = path or topics_path()
        declared = read_declaration(file, _File)
        reader = _Reader(
            file=file,
            prefix=prefix,
            partitions=partitions or declared.partitions,
            replication=replication or declared.replication,
        )
        topology = cls(
            topics=tuple(reader.topic(name, declared.topics[name]) for name in RECORD_OF),
            changelogs=tuple(
                reader.changelog(table, declared.changelogs[table], app_id) for table in TABLES
            ),
            removed=tuple(f"{prefix}{name}" for name in declared.removed),
            prefix=prefix,
            app_id=app_id,
        )
        reader.check_unique(topology)
        return topology

    def topic(self, logical: str) -> TopicSpec:
        """The topic with this logical name. Raises UnknownName."""
        for spec in self.topics:
            if spec.logical == logical:
                return spec
        remedy = nearest(logical, [spec.logical for spec in self.topics])
        raise UnknownName("unknown topic", field="topic", value=logical, remedy=remedy)

    def kafka_name(self, logical: str) -> str:
        """Kafka name of a logical topic. Raises UnknownName."""
        return self.topic(logical).name

    def find(self, name: str) -> TopicSpec | None:
        """The topic or changelog with this logical or Kafka name; None when there is none."""
        for spec in self.all():
            if name == spec.name or (name == spec.logical and spec in self.topics):
                return spec
        return None

    def all(self) -> tuple[TopicSpec, ...]:
        """Topics, then changelogs."""
        return (*self.topics, *self.changelogs)

    @property
    def partitions(self) -> int:
        """Partitions of every co-partitioned topic and changelog."""
        return self.topic("metrics").partitions


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes specs of what a file declares."""

    file: Path
    prefix: str
    partitions: int
    replication: int

    def topic(self, logical: str, declared: _Topic) -> TopicSpec:
        record_type = RECORD_OF[logical]
        key = _KEY_OF.get(record_type, KeyKind.ENTITY)
        partitions = declared.partitions or self.partitions
        replication = declared.replication or self.replication
        name = f"{self.prefix}{declared.name}"
        for field, valid in (("record", record_type.__name__), ("key", key.value)):
            if (found := getattr(declared, field)) != valid:
                path = f"topics.{logical}.{field}"
                raise self._error(path, found, "unknown value", f"use {valid}")
        if declared.co_partitioned and partitions != self.partitions:
            raise self._error(
                f"topics.{logical}.partitions",
                partitions,
                "co-partitioned topics need equal partitions",
                f"use {self.partitions}, or set co_partitioned: false",
            )
        if len(name) > _LONGEST_NAME:
            remedy = f"use at most {_LONGEST_NAME} letters"
            raise self._error(f"topics.{logical}.name", name, "name too long", remedy)
        return TopicSpec(
            logical=logical,
            name=name,
            partitions=partitions,
            replication=replication,
            config=_min_insync(replication) | declared.config,
            key=key,
            record_type=record_type,
            co_partitioned=declared.co_partitioned,
            readers=frozenset(map(Role, declared.readers)),
            writers=frozenset(map(Role, declared.writers)),
        )

    def changelog(self, table: str, declared: _Changelog, app_id: str) -> TopicSpec:
        return TopicSpec(
            logical=table,
            name=f"{app_id}-{table}-changelog",
            partitions=self.partitions,
            replication=self.replication,
            config=_min_insync(self.replication) | declared.config,
            key=KeyKind.ENTITY,
            record_type=None,
            co_partitioned=True,
            readers=frozenset({Role.WORKER}),
            writers=frozenset({Role.WORKER}),
        )

    def check_unique(self, topology: Topology) -> None:
        seen: dict[str, str] = {}
        names = [(f"topics.{spec.logical}.name", spec.name) for spec in topology.topics]
        names += [(f"changelogs.{spec.logical}", spec.name) for spec in topology.changelogs]
        names += [("removed", name) for name in topology.removed]
        for key, name in names:
            if name in seen:
                message = f"name used twice, also by {seen[name]}"
                raise self._error(key, name, message, "rename one")
            seen[name] = key

    def _error(self, field: str, value: object, message: str, remedy: str) -> ConfigError:
        return ConfigError(f"{self.file}: {message}", field=field, value=value, remedy=remedy)


def _min_insync(replication: int) -> dict[str, str]:
    """With three copies or more, a write must reach two of them before it is acknowledged."""
    return {"min.insync.replicas": "2" if replication >= 3 else "1"}
