"""What must change so that the topics on a cluster are as declared. Pure: no cluster needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from streams.errors import ConfigError
from streams.wire.topology import TopicSpec, Topology


class ChangeKind(StrEnum):
    CREATE = "create"
    ALTER = "alter"
    """Set one value of a topic's configuration."""
    GROW = "grow"
    """Add partitions to a topic that no state depends on."""
    REGISTER = "register"
    """Register a schema in the registry."""
    DELETE = "delete"
    """Delete a topic that the declaration lists as removed."""
    MANUAL = "manual"
    """A difference that only an operator can remove; nothing depends on it."""
    BLOCKED = "blocked"
    """A difference that makes the whole plan unsafe; nothing is applied."""


@dataclass(frozen=True, slots=True)
class ActualTopic:
    """A topic as it is on the cluster."""

    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopologyChange:
    """One difference between the declaration and the cluster."""

    kind: ChangeKind
    target: str
    """Kafka name of the topic, or subject of the schema."""
    setting: str = ""
    """partitions, replication, or the name of a configuration value."""
    current: str = ""
    wanted: str = ""
    reason: str = ""


def topic_changes(topology: Topology, actual: Mapping[str, ActualTopic]) -> list[TopologyChange]:
    """Differences of the declared topics to those in ``actual`` (Kafka name to topic).

    Other topics of the cluster are nobody's business here and are left alone.
    """
    changes: list[TopologyChange] = []
    for spec in topology.all():
        found = actual.get(spec.name)
        if found is None:
            wanted = f"{spec.partitions} partitions, replication {spec.replication}"
            changes.append(TopologyChange(ChangeKind.CREATE, spec.name, wanted=wanted))
        else:
            changes += _partitions(spec, found)
            changes += _replication(spec, found)
            changes += _config(spec, found)
    changes += [
        TopologyChange(
            ChangeKind.DELETE, name, reason="listed under removed; needs --delete-removed --yes"
        )
        for name in topology.removed
        if name in actual
    ]
    return changes


def require_topics(topology: Topology, counts: Mapping[str, int]) -> None:
    """Check that a worker can run on these topics (Kafka name -> partitions).

    Raises ConfigError when one is missing or a co-partitioned one has another number of
    partitions than declared: keys would then belong to different workers on different topics.
    """
    missing = [spec.name for spec in topology.all() if spec.name not in counts]
    if missing:
        raise ConfigError(
            f"{len(missing)} topics are not there",
            field="topics",
            value=missing,
            remedy="create them: goalstream topics apply",
        )
    for spec in topology.all():
        if spec.co_partitioned and counts[spec.name] != spec.partitions:
            raise ConfigError(
                f"topic {spec.name} has {counts[spec.name]} partitions, not {spec.partitions}",
                field="topics.partitions",
                value=spec.partitions,
                remedy="set topics.partitions to what all inputs have, or use a new topics.prefix",
            )


def in_step(changes: Iterable[TopologyChange]) -> bool:
    """Whether nothing has to change but deletions, which are never made unasked."""
    return all(change.kind is ChangeKind.DELETE for change in changes)


def _partitions(spec: TopicSpec, found: ActualTopic) -> list[TopologyChange]:
    if found.partitions == spec.partitions:
        return []
    if spec.co_partitioned:
        kind = ChangeKind.BLOCKED
        reason = (
            "keys would move away from the partition that holds their state; "
            f"set topics.partitions to {found.partitions} if all topics have that, "
            "or start under a new topics.prefix and worker.app_id"
        )
    elif found.partitions > spec.partitions:
        kind = ChangeKind.MANUAL
        reason = "Kafka cannot take partitions away; declare as many as there are"
    else:
        kind, reason = ChangeKind.GROW, "new records of a key may go to another partition"
    return [
        TopologyChange(
            kind, spec.name, "partitions", str(found.partitions), str(spec.partitions), reason
        )
    ]


def _replication(spec: TopicSpec, found: ActualTopic) -> list[TopologyChange]:
    if found.replication == spec.replication:
        return []
    reason = "move the replicas with kafka-reassign-partitions, or set topics.replication"
    return [
        TopologyChange(
            ChangeKind.MANUAL,
            spec.name,
            "replication",
            str(found.replication),
            str(spec.replication),
            reason,
        )
    ]


def _config(spec: TopicSpec, found: ActualTopic) -> list[TopologyChange]:
    return [
        TopologyChange(ChangeKind.ALTER, spec.name, name, found.config.get(name, ""), wanted)
        for name, wanted in spec.config.items()
        if not _same(found.config.get(name, ""), wanted)
    ]


def _same(current: str, wanted: str) -> bool:
    """Equal as lists, whose order has no meaning, or as numbers."""
    if sorted(current.split(",")) == sorted(wanted.split(",")):
        return True
    try:
        return float(current) == float(wanted)
    except ValueError:
        return False
