"""The access rules that follow from readers and writers."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.runtime.acls import Rule, rules, transactional_id
from streams.wire.topology import INPUTS, Role, Topology

TOPOLOGY = Topology.load(prefix="p-", app_id="app")
RULES = rules(TOPOLOGY)


def operations(role: Role, name: str) -> set[str]:
    return {
        op for rule in RULES if (rule.role, rule.name) == (role, name) for op in rule.operations
    }


@pytest.mark.parametrize("spec", TOPOLOGY.topics, ids=lambda spec: spec.logical)
@pytest.mark.parametrize("role", list(Role))
def test_read_and_write_are_given_exactly_as_declared(role: Role, spec) -> None:
    allowed = operations(role, spec.name)
    assert ("Read" in allowed) == (role in spec.readers)
    assert ("Write" in allowed) == (role in spec.writers)


def test_no_role_may_delete() -> None:
    assert not any("Delete" in rule.operations for rule in RULES)


def test_the_worker_reads_its_inputs_in_its_own_group_and_owns_its_changelogs() -> None:
    assert all("Read" in operations(Role.WORKER, TOPOLOGY.kafka_name(name)) for name in INPUTS)
    groups = [rule for rule in RULES if rule.role is Role.WORKER and rule.resource == "group"]
    assert [(rule.name, rule.pattern) for rule in groups] == [("app", "literal")]
    for spec in TOPOLOGY.changelogs:
        assert {"Read", "Write"} <= operations(Role.WORKER, spec.name)
    [transactions] = [rule for rule in RULES if rule.resource == "transactional-id"]
    assert (transactions.role, transactions.name) == (Role.WORKER, "app:")
    assert "--transactional-id app:" in transactions.command("User:w", "h:1")


def test_only_worker_and_operator_touch_changelogs() -> None:
    names = {spec.name for spec in TOPOLOGY.changelogs}
    assert {rule.role for rule in RULES if rule.name in names} == {Role.WORKER, Role.OPERATOR}
    assert "Read" not in operations(Role.OPERATOR, TOPOLOGY.changelogs[0].name)


names = st.text("abp-2._", min_size=1, max_size=6)


@given(names, names, names, names)
def test_the_rules_of_one_application_reach_nothing_of_another(
    app: str, other: str, prefix: str, its_prefix: str
) -> None:
    assume(app != other and prefix != its_prefix)
    own = Topology.load(prefix=prefix, app_id=app)
    foreign = Topology.load(prefix=its_prefix, app_id=other)
    shared = {spec.name for spec in (*own.topics, *own.changelogs)}
    assume(not shared & {spec.name for spec in (*foreign.topics, *foreign.changelogs)})
    theirs = {("topic", spec.name) for spec in (*foreign.topics, *foreign.changelogs)}
    theirs |= {("group", other), ("transactional-id", transactional_id(other, "a1"))}
    theirs |= {("group", f"{its_prefix}{role.value}:x") for role in Role}
    reached = {
        (resource, name) for resource, name in theirs for rule in rules(own)
        if rule.resource == resource and covers(rule, name)
    }  # fmt: skip
    assert reached == set()


def covers(rule: Rule, name: str) -> bool:
    """Whether the broker applies a rule to a name."""
    return name == rule.name if rule.pattern == "literal" else name.startswith(rule.name)


def test_a_role_that_reads_nothing_has_no_group() -> None:
    groups = {rule.role for rule in RULES if rule.resource == "group"}
    assert groups == set(Role) - {Role.PRODUCER}


def test_a_rule_is_a_command_whose_words_survive_the_shell() -> None:
    rule = Rule(Role.WORKER, "topic", "literal", "p-agent-goals", ("Describe", "Read"))
    command = rule.command("User:CN=a b,O=c", "h:1")
    assert shlex.split(command) == [
        "kafka-acls.sh",
        "--bootstrap-server",
        "h:1",
        "--add",
        "--allow-principal",
        "User:CN=a b,O=c",
        "--operation",
        "Describe",
        "--operation",
        "Read",
        "--topic",
        "p-agent-goals",
        "--resource-pattern-type",
        "literal",
    ]
