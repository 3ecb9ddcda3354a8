"""The access rules that follow from the declared topics: one principal a role, else denied."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from streams.wire.roles import Role
from streams.wire.topology import TopicSpec, Topology

_READ = ("Read", "Describe")
_WRITE = ("Write", "Describe")
_MANAGE = ("Create", "Alter", "AlterConfigs", "Describe", "DescribeConfigs")


@dataclass(frozen=True, slots=True)
class Rule:
    """One allowed access."""

    role: Role
    resource: str
    """topic, group or transactional-id."""
    pattern: str
    """literal, or prefixed: every name that starts with ``name``."""
    name: str
    operations: tuple[str, ...]

    def command(self, principal: str, bootstrap: str) -> str:
        """The rule as a command of Kafka's own tool."""
        words = ["kafka-acls.sh", "--bootstrap-server", bootstrap, "--add"]
        words += ["--allow-principal", principal]
        for operation in self.operations:
            words += ["--operation", operation]
        words += [f"--{self.resource}", self.name, "--resource-pattern-type", self.pattern]
        return shlex.join(words)


def transactional_id(app_id: str, instance: str) -> str:
    """Of a worker's transactional producer."""
    return f"{app_id}:{instance}"


def rules(topology: Topology) -> list[Rule]:
    """All rules, by role.

    Topics and the worker's group are named one by one, since a prefix would reach names that are
    not declared: ``app`` is how ``app-2`` begins. Only the ids that a role makes itself are
    prefixed, up to a colon, which no application id, topic or prefix has. Deleting is in no role.
    """
    return [rule for role in Role for rule in _rules_of(role, topology)]


def _rules_of(role: Role, topology: Topology) -> Iterator[Rule]:
    for spec in topology.topics:
        operations = _operations(role, spec)
        if operations:
            yield Rule(role, "topic", "literal", spec.name, operations)
    if role is Role.WORKER:
        # Create: the engine makes a changelog that is missing.
        operations = ("Create", "Describe", "DescribeConfigs", "Read", "Write")
        for spec in topology.changelogs:
            yield Rule(role, "topic", "literal", spec.name, operations)
        yield Rule(role, "group", "literal", topology.app_id, ("Describe", "Read"))
        # Each worker has an id of its own behind the colon; only exactly_once needs it.
        own = transactional_id(topology.app_id, "")
        yield Rule(role, "transactional-id", "prefixed", own, ("Describe", "Write"))
        return
    if role is Role.OPERATOR:
        for spec in topology.changelogs:
            yield Rule(role, "topic", "literal", spec.name, _MANAGE)
    if any(role in spec.readers for spec in topology.topics):
        name = f"{topology.prefix}{role.value}:"
        yield Rule(role, "group", "prefixed", name, ("Describe", "Read"))


def _operations(role: Role, spec: TopicSpec) -> tuple[str, ...]:
    allowed: set[str] = set()
    if role in spec.readers:
        allowed.update(_READ)
    if role in spec.writers:
        allowed.update(_WRITE)
    if role is Role.OPERATOR:
        allowed.update(_MANAGE)
    return tuple(sorted(allowed))
