"""A worker begins on what release 0.1.0 left behind, shows it, and goes on as that release did."""

from __future__ import annotations

import shutil
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.records import Record
from streams.wire.keys import key_of
from streams.wire.topology import INPUTS
from tests.kits.kafka.deployment import PARTITIONS, PRODUCER, WAIT_SECONDS, Deployment, Sections
from tests.kits.kafka.stage import Stage
from tests.kits.kafka.verifier import decoded
from tests.kits.runtime import release_state
from tests.kits.runtime.release_state import Batch, as_json, common_revisions, differences, is_new

pytestmark = pytest.mark.timeout(300)

Message = tuple[str, bytes | None, bytes | None, int]
"""Logical topic, key, value, partition."""
Lines = dict[tuple[str, int], list[Record]]
"""Records by topic and partition, in order."""


@pytest.fixture
def sections() -> Sections:
    settings = tomllib.loads((release_state.DIRECTORY / "goalstream.toml").read_text())
    return {name: dict(values) for name, values in _tables(settings, "")}


def _tables(values: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables of TOML by their dotted names."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    if plain:
        yield path, plain
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _tables(value, f"{path}.{key}".lstrip("."))


@pytest.mark.parametrize("with_directory", [True, False], ids=["state directory", "changelogs"])
def test_a_worker_goes_on_from_the_state_of_0_1_0(
    deployment: Deployment, with_directory: bool
) -> None:
    worker = deployment.worker("a")
    if with_directory:
        shutil.copytree(release_state.DIRECTORY / "state", worker.home / "state")
    stage = Stage(deployment, worker)
    restore(deployment, stage)
    worker.start().wait_ready()
    stage.apply()
    require_views(stage, release_state.views())
    require_pages(stage)

    further = release_state.further()
    for step in further:
        for batch in step:
            if not batch.by_engine:
                for placed in batch.records:
                    value = deployment.encode(placed.topic, placed.record)
                    stage.write(placed.topic, key_of(placed.record), value, placed.partition)
        stage.apply()
    require_views(stage, release_state.views(after=True))
    worker.stop()
    require_written(deployment, [batch for step in further for batch in step])


def restore(deployment: Deployment, stage: Stage) -> None:
    """Topics and committed offsets as the earlier worker left them. What it had read and not
    committed counts as sent by the stage, since the worker will read it again."""
    producer = Producer({"bootstrap.servers": deployment.kafka.bootstrap, **PRODUCER})
    for change in release_state.changes():
        topic = deployment.changelog(change.table)
        producer.produce(topic, change.value, change.key, change.partition)
    positions, again = release_state.positions(), list[Message]()
    for placed in release_state.inputs():
        topic, number = placed.topic, placed.partition
        key, value = key_of(placed.record), deployment.encode(topic, placed.record)
        if placed.offset < positions[topic, number]:
            producer.produce(deployment.topic(topic), value, key, number)
        else:
            again.append((topic, key, value, number))
    assert producer.flush(WAIT_SECONDS) == 0
    commit(deployment, positions)
    assert again
    for message in again:
        stage.write(*message)


def commit(deployment: Deployment, positions: dict[tuple[str, int], int]) -> None:
    consumer = Consumer(
        {"bootstrap.servers": deployment.kafka.bootstrap, "group.id": deployment.name}
    )
    try:
        consumer.commit(
            offsets=[
                TopicPartition(deployment.topic(topic), number, offset)
                for (topic, number), offset in positions.items()
            ],
            asynchronous=False,
        )
    finally:
        consumer.close()


def require_views(stage: Stage, expected: dict[str, dict[str, Any]]) -> None:
    for name, rows in expected.items():
        assert list(differences(stage.table(name), rows, name)) == []


def require_pages(stage: Stage) -> None:
    """The API answers from the same state."""
    for key, plan in release_state.views()["plans"].items():
        assert stage.get(f"/api/autonomous/plans/{key}")["status"] == plan["status"]


def _unplaced(decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what tells offsets of the goals topic, to which that release wrote more revisions."""
    return [
        {name: value for name, value in each.items() if name != "decision_id"}
        | {"inputs": {name: at for name, at in each["inputs"].items() if name != "goals"}}
        for each in decisions
    ]


def require_written(deployment: Deployment, batches: list[Batch]) -> None:
    """Behind what was restored, each partition holds what the earlier release wrote, in order."""
    expected: Lines = defaultdict(list)
    for batch in batches:
        expected[batch.topic, batch.partition] += [placed.record for placed in batch.records]
        for topic, record in batch.emitted:
            if topic not in INPUTS:
                expected[topic, batch.partition].append(record)
    restored = Counter((placed.topic, placed.partition) for placed in release_state.inputs())
    for topic in {topic for topic, _ in expected}:
        found: Lines = defaultdict(list)
        for message, record in decoded(deployment, topic):
            if not is_new(record):
                found[topic, message.partition() or 0].append(record)
        for number in range(PARTITIONS):
            at = topic, number
            new, old = as_json(found[at][restored[at] :]), as_json(expected[at])
            if topic == "decisions":
                new, old = _unplaced(new), _unplaced(old)
            told, wanted = common_revisions(new, old), common_revisions(old, new)
            assert list(differences(told, wanted, f"{topic} {number}")) == []
