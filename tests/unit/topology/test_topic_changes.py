"""What a plan says about each kind of difference; no cluster is needed to judge."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.runtime.admin import apply, schema_changes
from streams.runtime.topic_changes import (
    ActualTopic,
    ChangeKind,
    TopologyChange,
    in_step,
    topic_changes,
)
from streams.wire.registry import EmbeddedRegistry
from streams.wire.resources import topics_path
from streams.wire.topology import Topology

TOPOLOGY = Topology.load()


def as_declared() -> dict[str, ActualTopic]:
    return {
        spec.name: ActualTopic(spec.partitions, spec.replication, dict(spec.config))
        for spec in TOPOLOGY.all()
    }


def changed(name: str, **values: object) -> list[TopologyChange]:
    actual = as_declared()
    actual[name] = dataclasses.replace(actual[name], **values)  # type: ignore[arg-type] # test data
    return topic_changes(TOPOLOGY, actual)


def test_a_cluster_as_declared_is_in_step() -> None:
    changes = topic_changes(TOPOLOGY, as_declared())
    assert changes == []
    assert in_step(changes)


def test_an_empty_cluster_gets_every_topic() -> None:
    changes = topic_changes(TOPOLOGY, {})
    assert [change.target for change in changes] == [spec.name for spec in TOPOLOGY.all()]
    assert {change.kind for change in changes} == {ChangeKind.CREATE}


def test_topics_of_others_are_left_alone() -> None:
    actual = as_declared() | {"somebody-elses": ActualTopic(1, 1, {})}
    assert topic_changes(TOPOLOGY, actual) == []


@pytest.mark.parametrize("partitions", [1, 3, 5, 100])
@pytest.mark.parametrize(
    "name", ["agent-metrics", "agent-suggestions", "goalstream-series-changelog"]
)
def test_other_partitions_of_a_co_partitioned_topic_block_the_plan(
    name: str, partitions: int
) -> None:
    (change,) = changed(name, partitions=partitions)
    assert change.kind is ChangeKind.BLOCKED
    assert (change.setting, change.current, change.wanted) == ("partitions", str(partitions), "4")
    assert "keys would move" in change.reason


def test_a_topic_without_state_may_grow_but_not_shrink() -> None:
    (grow,) = changed("agent-dead-letter", partitions=1)
    assert grow.kind is ChangeKind.GROW
    (manual,) = changed("agent-dead-letter", partitions=9)
    assert manual.kind is ChangeKind.MANUAL


def test_another_replication_is_for_the_operator() -> None:
    (change,) = changed("agent-metrics", replication=3)
    assert change.kind is ChangeKind.MANUAL
    assert "kafka-reassign-partitions" in change.reason


def test_a_configuration_value_that_differs_is_altered() -> None:
    config = as_declared()["agent-metrics"].config | {"retention.ms": "1", "flush.ms": "5"}  # type: ignore[operator] # a dict
    (change,) = changed("agent-metrics", config=config)
    assert change == TopologyChange(
        ChangeKind.ALTER, "agent-metrics", "retention.ms", "1", "604800000"
    )
    assert not in_step([change])


@pytest.mark.parametrize("written", ["0.2", "0.20", "2e-1"])
def test_numbers_are_compared_as_numbers(written: str) -> None:
    name = "goalstream-series-changelog"
    config = dict(as_declared()[name].config) | {"min.cleanable.dirty.ratio": written}
    assert changed(name, config=config) == []


def test_the_order_of_policies_has_no_meaning(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    text = topics_path().read_text().replace("policy: delete", "policy: compact,delete", 1)
    path.write_text(text)
    actual = as_declared()
    config = dict(actual["agent-metrics"].config) | {"cleanup.policy": "delete,compact"}
    actual["agent-metrics"] = dataclasses.replace(actual["agent-metrics"], config=config)
    assert topic_changes(Topology.load(path), actual) == []


def test_only_listed_topics_are_proposed_for_deletion(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(topics_path().read_text().replace("removed: []", "removed: [agent-old, gone]"))
    topology = Topology.load(path, "p-")
    actual = {"p-agent-old": ActualTopic(1, 1, {}), "agent-old": ActualTopic(1, 1, {})}
    deletions = [c for c in topic_changes(topology, actual) if c.kind is ChangeKind.DELETE]
    assert [change.target for change in deletions] == ["p-agent-old"]
    assert in_step(deletions)


@given(st.sets(st.sampled_from([spec.name for spec in TOPOLOGY.all()])))
def test_exactly_the_missing_topics_are_created(present: set[str]) -> None:
    actual = {name: topic for name, topic in as_declared().items() if name in present}
    created = {change.target for change in topic_changes(TOPOLOGY, actual)}
    assert created == {spec.name for spec in TOPOLOGY.all()} - present


def test_the_embedded_registry_has_every_schema() -> None:
    assert schema_changes(TOPOLOGY, EmbeddedRegistry()) == []


def test_a_blocked_plan_is_refused_before_anything_is_touched() -> None:
    changes = [
        *topic_changes(TOPOLOGY, {}),
        *changed("agent-metrics", partitions=2),
    ]
    untouchable = None
    with pytest.raises(ConfigError) as caught:
        apply(changes, TOPOLOGY, untouchable, EmbeddedRegistry())  # type: ignore[arg-type] # would fail if used
    assert "agent-metrics has 2 partitions, declared are 4" in caught.value.message
    assert "nothing was changed" in caught.value.message
