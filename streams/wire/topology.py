"""The topics as declared in ``topics.yaml``: parsed once, checked, frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from streams.core.kernel.store import TABLES
from streams.errors import UnknownName, nearest
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
from streams.wire.declaration import Node, read_yaml
from streams.wire.registry import subject_name
from streams.wire.resources import topics_path

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

_TOPIC_KEYS = ("name", "record", "key", "co_partitioned", "writers", "readers", "config")
_LEGAL = r"[A-Za-z0-9._-]+"
_LONGEST_NAME = 249

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


class Role(StrEnum):
    """Who may read or write a topic."""

    PRODUCER = "producer"
    CLIENT = "client"
    OPERATOR = "operator"
    ANALYTICS = "analytics"
    WORKER = "worker"


class KeyKind(StrEnum):
    """What the message key is."""

    ENTITY = "entity"
    LOOP = "loop"
    ORIGINAL = "original"


_KEY_OF: Mapping[type[Record], KeyKind] = {
    LoopEvent: KeyKind.LOOP,
    DeadLetter: KeyKind.ORIGINAL,
}


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
        root = read_yaml(path or topics_path())
        root.expect(("partitions", "replication", "topics", "changelogs", "removed"))
        reader = _Reader(
            prefix=prefix,
            partitions=root.count("partitions", partitions),
            replication=root.count("replication", replication),
        )
        topology = cls(
            topics=tuple(reader.topics(root.table("topics"))),
            changelogs=tuple(reader.changelogs(root.table("changelogs"), app_id)),
            removed=tuple(f"{prefix}{name}" for name in root.texts("removed")),
            prefix=prefix,
            app_id=app_id,
        )
        _check_unique(topology, root)
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
    """Makes specs of the nodes of a file."""

    prefix: str
    partitions: int
    replication: int

    def topics(self, node: Node) -> Iterator[TopicSpec]:
        node.expect(RECORD_OF)
        for logical in RECORD_OF:
            yield self._topic(logical, node.table(logical))

    def changelogs(self, node: Node, app_id: str) -> Iterator[TopicSpec]:
        node.expect(TABLES)
        for table in TABLES:
            entry = node.table(table)
            entry.expect(("config",))
            yield TopicSpec(
                logical=table,
                name=f"{app_id}-{table}-changelog",
                partitions=self.partitions,
                replication=self.replication,
                config=self._config(entry.table("config"), self.replication),
                key=KeyKind.ENTITY,
                record_type=None,
                co_partitioned=True,
                readers=frozenset({Role.WORKER}),
                writers=frozenset({Role.WORKER}),
            )

    def _topic(self, logical: str, node: Node) -> TopicSpec:
        node.expect(_TOPIC_KEYS, ("partitions", "replication"))
        record_type = RECORD_OF[logical]
        key = _KEY_OF.get(record_type, KeyKind.ENTITY)
        node.choice("record", (record_type.__name__,))
        node.choice("key", (key.value,))
        co_partitioned = node.flag("co_partitioned")
        partitions = node.count("partitions", default=self.partitions)
        if co_partitioned and partitions != self.partitions:
            raise node.error(
                "partitions",
                partitions,
                "co-partitioned topics need equal partitions",
                f"use {self.partitions}, or set co_partitioned: false",
            )
        replication = node.count("replication", default=self.replication)
        name = f"{self.prefix}{node.text('name', _LEGAL)}"
        if len(name) > _LONGEST_NAME:
            raise node.error("name", name, "name too long", f"use at most {_LONGEST_NAME} letters")
        return TopicSpec(
            logical=logical,
            name=name,
            partitions=partitions,
            replication=replication,
            config=self._config(node.table("config"), replication),
            key=key,
            record_type=record_type,
            co_partitioned=co_partitioned,
            readers=frozenset(map(Role, node.texts("readers", tuple(Role)))),
            writers=frozenset(map(Role, node.texts("writers", tuple(Role)))),
        )

    @staticmethod
    def _config(node: Node, replication: int) -> dict[str, str]:
        """Kafka's configuration of a topic.

        With three copies or more, a write must reach two of them before it is acknowledged.
        """
        node.expect((), _CONFIG_NAMES)
        return {"min.insync.replicas": "2" if replication >= 3 else "1", **node.scalars()}


def _check_unique(topology: Topology, root: Node) -> None:
    seen: dict[str, str] = {}
    names = [(f"topics.{spec.logical}.name", spec.name) for spec in topology.topics]
    names += [(f"changelogs.{spec.logical}", spec.name) for spec in topology.changelogs]
    names += [("removed", name) for name in topology.removed]
    for key, name in names:
        if name in seen:
            raise root.error(key, name, f"name used twice, also by {seen[name]}", "rename one")
        seen[name] = key
