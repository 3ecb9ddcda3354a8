"""topics.yaml: what the packaged one says, and what is refused in one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core.kernel.store import TABLES
from streams.errors import ConfigError, UnknownName
from streams.records import RECORD_TYPES, DeadLetter, Metric
from streams.wire.resources import topics_path
from streams.wire.topology import INPUTS, KeyKind, Role, Topology

KAFKA_NAMES = {
    "metrics": "agent-metrics",
    "events": "agent-events",
    "actions": "agent-actions",
    "goals": "agent-goals",
    "plans": "agent-plans",
    "suggestions": "agent-suggestions",
    "feedback": "agent-feedback",
    "outcomes": "agent-outcomes",
    "alerts": "agent-alerts",
    "loop-events": "agent-loop-events",
    "commands": "agent-commands",
    "forecasts": "agent-forecasts",
    "predictions": "agent-predictions",
    "patterns": "agent-patterns",
    "decisions": "agent-decisions",
    "dead-letter": "agent-dead-letter",
}


@pytest.fixture
def changed(tmp_path: Path):
    """A copy of the packaged file with one text replaced."""

    def change(old: str, new: str) -> Path:
        text = topics_path().read_text()
        assert old in text
        path = tmp_path / "topics.yaml"
        path.write_text(text.replace(old, new, 1))
        return path

    return change


def test_every_logical_topic_has_its_documented_name() -> None:
    topology = Topology.load()
    assert {spec.logical: spec.name for spec in topology.topics} == KAFKA_NAMES


def test_every_record_travels_on_exactly_one_topic() -> None:
    types = [spec.record_type for spec in Topology.load().topics]
    assert sorted(t.__name__ for t in types if t) == sorted(t.__name__ for t in RECORD_TYPES)


def test_inputs_and_changelogs_have_equal_partitions() -> None:
    topology = Topology.load(partitions=7)
    specs = [*map(topology.topic, INPUTS), *topology.changelogs]
    assert {spec.partitions for spec in specs} == {7} == {topology.partitions}
    assert all(spec.co_partitioned for spec in specs)


def test_changelogs_are_named_as_the_engine_names_them_and_compacted() -> None:
    topology = Topology.load(prefix="p-", app_id="mine")
    assert [spec.name for spec in topology.changelogs] == [
        f"mine-{table}-changelog" for table in TABLES
    ]
    assert {spec.config["cleanup.policy"] for spec in topology.changelogs} == {"compact"}


def test_no_keyed_topic_is_compacted() -> None:
    # An entity has many goals under one key; compaction would drop all but the last.
    assert {spec.config["cleanup.policy"] for spec in Topology.load().topics} == {"delete"}


def test_the_prefix_stands_in_front_of_names_and_subjects() -> None:
    spec = Topology.load(prefix="test-").topic("goals")
    assert (spec.name, spec.subject) == ("test-agent-goals", "test-agent-goals-value")


@pytest.mark.parametrize(("replication", "expected"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_with_three_copies_two_must_have_a_write(replication: int, expected: str) -> None:
    specs = Topology.load(replication=replication).all()
    assert {spec.replication for spec in specs} == {replication}
    assert {spec.config["min.insync.replicas"] for spec in specs} == {expected}


def test_a_dead_letter_has_room_for_the_largest_message() -> None:
    spec = Topology.load().topic("dead-letter")
    assert spec.record_type is DeadLetter
    assert spec.key is KeyKind.ORIGINAL
    assert int(spec.config["max.message.bytes"]) > 1_048_588


def test_topics_are_found_by_logical_and_by_kafka_name() -> None:
    topology = Topology.load(prefix="p-")
    metrics = topology.topic("metrics")
    assert metrics.record_type is Metric
    assert topology.find("metrics") is topology.find("p-agent-metrics") is metrics
    assert topology.find("series") is None
    assert topology.find("goalstream-series-changelog") is topology.changelogs[1]


def test_an_unknown_logical_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match="did you mean 'goals'"):
        Topology.load().topic("goal")


def test_analytics_never_writes_and_only_the_worker_has_the_changelogs() -> None:
    topology = Topology.load()
    assert not any(Role.ANALYTICS in spec.writers for spec in topology.topics)
    for spec in topology.changelogs:
        assert spec.readers == spec.writers == {Role.WORKER}
    for logical in INPUTS:
        assert Role.WORKER in topology.topic(logical).readers


@pytest.mark.parametrize(
    ("old", "new", "field", "remedy"),
    [
        ("    name: agent-metrics", "    naem: agent-metrics", "topics.metrics.naem", "'name'"),
        ("  metrics:\n", "  metricz:\n", "topics.metricz", "'metrics'"),
        ("  series:\n", "  serie:\n", "changelogs.serie", "'series'"),
        ("record: Metric", "record: Metrik", "topics.metrics.record", "Metric"),
        ("    record: Metric\n", "", "topics.metrics.record", "add it"),
        ("key: loop", "key: entity", "topics.loop-events.key", "loop"),
        ("name: agent-events", "name: agent-metrics", "topics.events.name", "rename"),
        ("name: agent-events", "name: agent events", "topics.events.name", "match"),
        ("  metrics:\n", "  metrics:\n    partitions: 3\n", "topics.metrics.partitions", "use 4"),
        ("partitions: 4", "partitions: 0", "partitions", "whole number"),
        ("replication: 1", "replication: many", "replication", "whole number"),
        ("retention.ms:", "retention.mss:", "topics.metrics.config.retention.mss", "retention.ms"),
        ("retention.ms: 6", "retention.ms: [6]\n      x: 6", "topics.metrics.config.x", ""),
        ("[operator, worker]", "[operater, worker]", "topics.commands.writers", "'operator'"),
        ("writers: [operator, worker]", "writers: operator", "topics.commands.writers", "[a, b]"),
        ("co_partitioned: true", "co_partitioned: maybe", "topics.metrics.co_partitioned", "true"),
        ("removed: []", "removed: [agent-goals]", "removed", "rename"),
        ("removed: []", "removd: []", "removd", "'removed'"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(
    changed, old: str, new: str, field: str, remedy: str
) -> None:
    path = changed(old, new)
    with pytest.raises(ConfigError) as caught:
        Topology.load(path)
    assert caught.value.field == field
    assert remedy in caught.value.remedy
    assert str(path) in caught.value.message


def test_a_key_that_stands_twice_is_refused(changed) -> None:
    with pytest.raises(ConfigError, match="'metrics' stands here twice"):
        Topology.load(changed("  goals:\n", "  metrics:\n"))


@pytest.mark.parametrize("text", ["[1, 2]", "", "a: [", "!!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"topics\.yaml"):
        Topology.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Topology.load(tmp_path / "none.yaml")
    assert caught.value.field == "topics.file"


def test_a_name_that_kafka_would_refuse_for_its_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="too long"):
        Topology.load(prefix="p" * 240)


def test_a_topic_outside_the_co_partitioned_ones_may_have_its_own_partitions(changed) -> None:
    path = changed("    record: DeadLetter\n", "    record: DeadLetter\n    partitions: 1\n")
    topology = Topology.load(path)
    assert topology.topic("dead-letter").partitions == 1
    assert topology.topic("metrics").partitions == 4
