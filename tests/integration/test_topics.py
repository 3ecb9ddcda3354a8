"""Topics and schemas on a real cluster: plan, apply, and what they refuse."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import SchemaRegistryClient
from typer.testing import CliRunner, Result

from streams.cli.app import app
from streams.runtime.kafka import quiet_logger
from streams.wire.resources import topics_path
from streams.wire.topology import Topology

Goalstream = Callable[..., Result]


@pytest.fixture
def name(unique: str) -> str:
    return unique


@pytest.fixture
def goalstream(
    bootstrap: str, registry_url: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Goalstream:
    """Runs the command line against the real broker and registry under names of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **settings: str) -> Result:
        values = {
            "kafka.bootstrap": bootstrap,
            "registry.url": registry_url,
            "topics.prefix": f"{name}-",
            "worker.app_id": name,
        }
        flags = [f"--set={key}={value}" for key, value in (values | settings).items()]
        return CliRunner().invoke(app, [*flags, *arguments])

    return run


@pytest.fixture
def admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap}, logger=quiet_logger())


def own_topics(admin: AdminClient, name: str) -> dict[str, int]:
    found = admin.list_topics(timeout=10).topics
    return {topic: len(found[topic].partitions) for topic in found if topic.startswith(name)}


def eventually(admin: AdminClient, name: str, expected: Callable[[dict[str, int]], bool]) -> None:
    """Wait until the broker's answer shows what its controller has already accepted."""
    deadline = time.monotonic() + 20
    while not expected(own_topics(admin, name)):
        assert time.monotonic() < deadline, own_topics(admin, name)
        admin.poll(0.1)


def make(admin: AdminClient, topic: str, partitions: int) -> None:
    (future,) = admin.create_topics([NewTopic(topic, partitions, 1)]).values()
    future.result(10)
    eventually(admin, topic, lambda topics: topics.get(topic) == partitions)


def kinds(result: Result, part: str = "changes") -> set[str]:
    return {change["kind"] for change in json.loads(result.stdout)[part]}


@pytest.mark.spec("S2-090")
def test_apply_makes_every_topic_and_then_nothing_is_left(
    goalstream: Goalstream, admin: AdminClient, name: str
) -> None:
    before = goalstream("topics", "plan", "--json")
    assert before.exit_code == 2
    assert kinds(before) == {"create", "register"}
    assert own_topics(admin, name) == {}

    assert goalstream("topics", "apply").exit_code == 0

    topology = Topology.load(prefix=f"{name}-", app_id=name)
    made = own_topics(admin, name)
    assert made == {spec.name: 4 for spec in topology.all()}
    for logical in ("outcomes", "metrics", "alerts"):
        assert f"{name}-agent-{logical}" in made
    after = goalstream("topics", "plan", "--json")
    assert after.exit_code == 0
    assert json.loads(after.stdout) == {"changes": [], "in_step": True}
    again = goalstream("topics", "apply")
    assert (again.exit_code, again.stdout) == (0, "nothing to change\n")


def test_schemas_are_registered_and_must_stay_readable(
    goalstream: Goalstream, registry_url: str, name: str
) -> None:
    goalstream("topics", "apply")
    registry = SchemaRegistryClient({"url": registry_url, "timeout": 5})
    for spec in Topology.load(prefix=f"{name}-", app_id=name).topics:
        assert spec.record_type is not None
        latest = registry.get_latest_version(spec.subject)
        assert json.loads(latest.schema.schema_str)["name"] == spec.record_type.__name__
        assert registry.get_compatibility(spec.subject) == "BACKWARD"


def test_a_changed_configuration_is_altered_and_others_values_stay(
    goalstream: Goalstream, name: str, tmp_path: Path
) -> None:
    goalstream("topics", "apply")
    path = tmp_path / "topics.yaml"
    text = topics_path().read_text().replace("retention.ms: 604800000", "retention.ms: 3600000", 1)
    path.write_text(text)
    own_file = {"topics.file": str(path)}
    result = goalstream("topics", "plan", "--json", **own_file)
    assert result.exit_code == 2
    (change,) = json.loads(result.stdout)["changes"]
    assert (change["target"], change["setting"]) == (f"{name}-agent-metrics", "retention.ms")
    assert (change["current"], change["wanted"]) == ("604800000", "3600000")
    assert goalstream("topics", "apply", **own_file).exit_code == 0
    assert goalstream("topics", "plan", **own_file).exit_code == 0


def test_other_partitions_are_refused_and_nothing_is_changed(
    goalstream: Goalstream, admin: AdminClient, name: str
) -> None:
    make(admin, f"{name}-agent-metrics", 2)
    plan = goalstream("topics", "plan", "--json")
    assert plan.exit_code == 2
    assert "blocked" in kinds(plan)
    result = goalstream("topics", "apply")
    assert result.exit_code == 1
    assert f"{name}-agent-metrics has 2 partitions, declared are 4" in result.stderr
    assert "keys would move" in result.stderr
    assert own_topics(admin, name) == {f"{name}-agent-metrics": 2}
    # The remedy that the message gives works.
    fitting = {"topics.partitions": "2"}
    assert goalstream("topics", "apply", **fitting).exit_code == 0
    assert set(own_topics(admin, name).values()) == {2}


def test_a_topic_without_state_grows(goalstream: Goalstream, admin: AdminClient, name: str) -> None:
    make(admin, f"{name}-agent-dead-letter", 1)
    assert goalstream("topics", "apply").exit_code == 0
    eventually(admin, name, lambda topics: topics[f"{name}-agent-dead-letter"] == 4)


def test_only_listed_topics_are_deleted_and_only_when_confirmed(
    goalstream: Goalstream, admin: AdminClient, name: str, tmp_path: Path
) -> None:
    make(admin, f"{name}-agent-old", 1)
    make(admin, f"{name}-somebody-elses", 1)
    path = tmp_path / "topics.yaml"
    path.write_text(topics_path().read_text().replace("removed: []", "removed: [agent-old]"))
    own_file = {"topics.file": str(path)}
    kept = goalstream("topics", "apply", "--json", **own_file)
    assert kept.exit_code == 0
    assert kinds(kept, "left") == {"delete"}
    assert goalstream("topics", "apply", "--delete-removed", **own_file).exit_code == 1
    assert f"{name}-agent-old" in own_topics(admin, name)
    assert goalstream("topics", "apply", "--delete-removed", "--yes", **own_file).exit_code == 0
    eventually(admin, name, lambda topics: f"{name}-agent-old" not in topics)
    assert f"{name}-somebody-elses" in own_topics(admin, name)


def test_more_copies_than_brokers_is_one_clear_error(goalstream: Goalstream) -> None:
    result = goalstream("topics", "apply", **{"topics.replication": "3"})
    assert result.exit_code == 1
    assert "replication factor" in result.stderr
    assert "topics.replication" in result.stderr


def test_replication_of_topics_that_are_there_is_left_to_the_operator(
    goalstream: Goalstream,
) -> None:
    goalstream("topics", "apply")
    more = {"topics.replication": "2"}
    assert kinds(goalstream("topics", "plan", "--json", **more)) == {"manual"}
    result = goalstream("topics", "apply", "--json", **more)
    assert result.exit_code == 2
    assert kinds(result, "left") == {"manual"}


@pytest.mark.spec("S2-106")
def test_the_doctor_names_what_is_missing_until_it_is_there(
    goalstream: Goalstream, name: str
) -> None:
    sick = goalstream("doctor", "--json")
    assert sick.exit_code == 1
    failed = [row["detail"] for row in json.loads(sick.stdout) if row["status"] == "fail"]
    assert f"{name}-agent-outcomes is missing" in failed
    assert any(f"{name}-agent-outcomes-value" in detail for detail in failed)
    goalstream("topics", "apply")
    well = goalstream("doctor", "--json")
    assert well.exit_code == 0
    assert {row["status"] for row in json.loads(well.stdout)} == {"ok"}
