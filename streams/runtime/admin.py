"""Brings the topics of a cluster and the schemas of a registry in step with the declaration."""

# The admin package of confluent-kafka re-exports its names without saying so to type checkers.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar, cast

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from streams.errors import ConfigError, GoalstreamError, Unavailable, UnknownName
from streams.runtime.kafka import ANSWER_SECONDS, Troubles, opened
from streams.runtime.topic_changes import ActualTopic, ChangeKind, TopologyChange, topic_changes
from streams.wire.registry import Registry
from streams.wire.schemas import schema_json
from streams.wire.topology import TopicSpec, Topology

_T = TypeVar("_T")

_NO_ANSWER = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._SSL,
        KafkaError._AUTHENTICATION,
        KafkaError.REQUEST_TIMED_OUT,
    }
)


class Cluster:
    """The topics of a cluster. Raises Unavailable when the broker does not answer in time.

    ``timeout``: seconds that one change may take.
    """

    def __init__(self, client: Mapping[str, Any], timeout: float = 30.0) -> None:
        self._troubles = Troubles(str(client["bootstrap.servers"]))
        self._timeout = timeout
        self._admin = opened(AdminClient, client, self._troubles)

    def topics(self, names: Collection[str]) -> dict[str, ActualTopic]:
        """Those of ``names`` that are there."""
        metadata = self._metadata().topics
        present = [name for name in names if name in metadata and metadata[name].error is None]
        configs = self._configs(present)
        return {
            name: ActualTopic(
                partitions=len(metadata[name].partitions),
                replication=len(metadata[name].partitions[0].replicas),
                config=configs[name],
            )
            for name in present
        }

    def partition_counts(self) -> dict[str, int]:
        """Every topic of the cluster and how many partitions it has."""
        return {name: len(topic.partitions) for name, topic in self._metadata().topics.items()}

    def members(self, group: str) -> int:
        """How many consumers are in a group."""
        answers = self._admin.describe_consumer_groups([group])
        described = self._wait(answers[group], "describe the group", KafkaError.GROUP_ID_NOT_FOUND)
        return 0 if described is None else len(described.members)

    def ends(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Offset behind the newest record of each (topic, partition), also where a transaction
        may still take that record away."""
        latest = cast(OffsetSpec, OffsetSpec.latest())
        asked = {TopicPartition(*place): latest for place in partitions}
        if not asked:
            return {}
        futures = self._admin.list_offsets(
            asked,
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=self._timeout,
        )
        return {
            (at.topic, at.partition): self._wait(future, f"list offsets of {at.topic}").offset
            for at, future in futures.items()
        }

    def create(self, specs: Sequence[TopicSpec]) -> None:
        """Create topics; one that another process just created is fine."""
        if not specs:
            return
        new = [
            NewTopic(spec.name, spec.partitions, spec.replication, config=dict(spec.config))
            for spec in specs
        ]
        futures = self._admin.create_topics(
            new, operation_timeout=self._timeout, request_timeout=self._timeout
        )
        for name, future in futures.items():
            self._wait(future, f"create {name}", accept=KafkaError.TOPIC_ALREADY_EXISTS)
        self._settle(lambda: {spec.name for spec in specs} <= self.partition_counts().keys())

    def alter(self, values: Mapping[str, Mapping[str, str]]) -> None:
        """Set configuration values: topic to name to value; the other values stay."""
        if not values:
            return
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                topic,
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in entries.items()
                ],
            )
            for topic, entries in values.items()
        ]
        futures = self._admin.incremental_alter_configs(resources, request_timeout=self._timeout)
        for resource, future in futures.items():
            self._wait(future, f"alter {resource.name}")
        self._settle(lambda: self._has(values))

    def grow(self, partitions: Mapping[str, int]) -> None:
        """Raise topics to a number of partitions."""
        if not partitions:
            return
        new = [NewPartitions(name, count) for name, count in partitions.items()]
        futures = self._admin.create_partitions(
            new, operation_timeout=self._timeout, request_timeout=self._timeout
        )
        for name, future in futures.items():
            self._wait(future, f"add partitions to {name}")
        self._settle(lambda: partitions.items() <= self.partition_counts().items())

    def delete(self, names: Sequence[str]) -> None:
        """Delete topics with all their records."""
        if not names:
            return
        futures = self._admin.delete_topics(
            list(names), operation_timeout=self._timeout, request_timeout=self._timeout
        )
        for name, future in futures.items():
            self._wait(future, f"delete {name}", accept=KafkaError.UNKNOWN_TOPIC_OR_PART)
        self._settle(lambda: not set(names) & self.partition_counts().keys())

    def _has(self, values: Mapping[str, Mapping[str, str]]) -> bool:
        found = self._configs(list(values))
        return all(entries.items() <= found[topic].items() for topic, entries in values.items())

    def _settle(self, seen: Callable[[], bool]) -> None:
        """Wait until the brokers show what their controller has accepted."""
        deadline = time.monotonic() + self._timeout
        while not seen():
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"change is accepted and not to be seen after {self._timeout:g} s",
                    remedy="run 'goalstream topics plan' again; check the brokers' logs",
                )
            self._admin.poll(0.1)

    def _metadata(self) -> ClusterMetadata:
        return self._answer(lambda: self._admin.list_topics(timeout=ANSWER_SECONDS), "list topics")

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        futures = self._admin.describe_configs(resources, request_timeout=self._timeout)
        return {
            resource.name: {
                name: entry.value
                for name, entry in self._wait(future, f"describe {resource.name}").items()
            }
            for resource, future in futures.items()
        }

    def _wait(self, future: Future[Any], what: str, accept: int | None = None) -> Any:
        # A little longer than the request itself, so that its own error comes first.
        return self._answer(lambda: future.result(self._timeout + 2), what, accept)

    def _answer(self, ask: Callable[[], _T], what: str, accept: int | None = None) -> _T | Any:
        try:
            return ask()
        except FutureTimeout:
            raise self._troubles.unavailable() from None
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() == accept:
                return None
            if reason.code() in _NO_ANSWER:
                self._admin.poll(0)
                raise self._troubles.unavailable(error) from error
            raise GoalstreamError(
                f"cluster refuses to {what}: {reason.str()}",
                remedy="give this user the rights of the operator ('goalstream topics acls'), "
                "and check that the cluster has enough brokers for topics.replication",
            ) from error


def plan(topology: Topology, cluster: Cluster, registry: Registry) -> list[TopologyChange]:
    """All differences to the cluster and the registry. Raises Unavailable."""
    names = [*(spec.name for spec in topology.all()), *topology.removed]
    changes = topic_changes(topology, cluster.topics(names))
    return [*changes, *schema_changes(topology, registry)]


def schema_changes(topology: Topology, registry: Registry) -> list[TopologyChange]:
    """Schemas that the registry does not have under their subject. Raises Unavailable."""
    return [
        TopologyChange(ChangeKind.REGISTER, spec.subject, wanted=spec.record_type.__name__)
        for spec in topology.topics
        if spec.record_type is not None and not _registered(spec, registry)
    ]


def apply(
    changes: Iterable[TopologyChange],
    topology: Topology,
    cluster: Cluster,
    registry: Registry,
    *,
    delete_removed: bool = False,
) -> list[TopologyChange]:
    """Make the changes, and return those made.

    Schemas come first, so that a refused schema leaves the topics as they were. A blocked
    change raises ConfigError before anything is touched; deletions are made only when asked
    for; manual differences stay.
    """
    changes = list(changes)
    _refuse_blocked(changes)
    by_kind = {kind: [c for c in changes if c.kind is kind] for kind in ChangeKind}
    specs = {spec.name: spec for spec in topology.all()}
    subjects = {spec.subject: spec for spec in topology.topics}
    for change in by_kind[ChangeKind.REGISTER]:
        record_type = subjects[change.target].record_type
        assert record_type is not None
        registry.register(change.target, schema_json(record_type))
    cluster.create([specs[change.target] for change in by_kind[ChangeKind.CREATE]])
    altered: dict[str, dict[str, str]] = {}
    for change in by_kind[ChangeKind.ALTER]:
        altered.setdefault(change.target, {})[change.setting] = change.wanted
    cluster.alter(altered)
    cluster.grow({change.target: int(change.wanted) for change in by_kind[ChangeKind.GROW]})
    left = {ChangeKind.MANUAL} if delete_removed else {ChangeKind.MANUAL, ChangeKind.DELETE}
    if delete_removed:
        cluster.delete([change.target for change in by_kind[ChangeKind.DELETE]])
    return [change for change in changes if change.kind not in left]


def _refuse_blocked(changes: Iterable[TopologyChange]) -> None:
    blocked = [change for change in changes if change.kind is ChangeKind.BLOCKED]
    if blocked:
        first = blocked[0]
        raise ConfigError(
            f"{len(blocked)} topics cannot be brought in step, nothing was changed: "
            f"{first.target} has {first.current} partitions, declared are {first.wanted}",
            field="partitions",
            value=int(first.wanted),
            remedy=first.reason,
        )


def _registered(spec: TopicSpec, registry: Registry) -> bool:
    assert spec.record_type is not None
    try:
        registry.lookup(spec.subject, schema_json(spec.record_type))
    except UnknownName:
        return False
    return True
