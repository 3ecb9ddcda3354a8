"""What stands outside sees the engine's work: plain Kafka clients with a registry, and HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.records import Action, Goal
from tests.kits.kafka.deployment import PARTITIONS, Deployment, free_port, until
from tests.kits.kafka.ledger import START_MS, STEP_MS, entity


class Outsider:
    """A program that knows the broker, the registry and the topics' names, and nothing else."""

    def __init__(self, deployment: Deployment, registry_url: str) -> None:
        self._deployment = deployment
        self._registry = SchemaRegistryClient({"url": registry_url})
        self._producer = Producer(
            {
                "bootstrap.servers": deployment.kafka.bootstrap,
                "partitioner": "murmur2_random",  # not librdkafka's default; Java's is the same
            }
        )

    def write(self, logical: str, **fields: Any) -> None:
        topic = self._deployment.topic(logical)
        schema = self._registry.get_latest_version(f"{topic}-value").schema
        assert schema.schema_str is not None
        serializer = AvroSerializer(
            self._registry,
            schema.schema_str,
            conf={"auto.register.schemas": False, "use.latest.version": True},
        )
        value = serializer(fields, SerializationContext(topic, MessageField.VALUE))
        self._producer.produce(topic, value, fields["entity_id"].encode())
        assert self._producer.flush(30) == 0

    def read(self, logical: str) -> list[dict[str, Any]]:
        """Everything on a topic, decoded by the writer's schema from the registry alone."""
        topic = self._deployment.topic(logical)
        deserializer = AvroDeserializer(self._registry)
        context = SerializationContext(topic, MessageField.VALUE)
        messages = self._deployment.kafka.consume_all(topic)
        return [deserializer(message.value(), context) for message in messages]


@pytest.fixture
def sections(registry_url: str) -> dict[str, dict[str, object]]:
    return {"registry": {"url": registry_url}}


def measured(value: float, step: int, name: str = "score") -> dict[str, Any]:
    return {
        "entity_id": "team-1", "entity_type": "agent", "name": name, "value": value,
        "timestamp": START_MS + step * STEP_MS, "unit": "", "source": "test",
        "correlation_id": "", "schema_version": 1, "tags": [],
    }  # fmt: skip


@pytest.mark.spec("S0-001", "S0-002", "S0-016", "S0-047", "S0-048", "S1-116")
def test_a_plain_client_reads_goal_suggestion_and_outcome(
    deployment: Deployment, registry_url: str
) -> None:
    """The scenario of the feedback loop: target 10, measured 2 and 4, then an action."""
    outsider = Outsider(deployment, registry_url)
    worker = deployment.worker("a").start().wait_ready()
    wish = Goal(
        entity_id="team-1",
        entity_type="agent",
        timestamp=START_MS,
        goal_id="g-1",
        target_metric="score",
        target_value=10.0,
    )
    outsider.write("goals", **_plain(wish))
    deployment.wait_committed("goals")
    for step, value in enumerate((2.0, 4.0)):
        outsider.write("metrics", **measured(value, step))
    deployment.wait_committed("goals", "metrics")
    action = Action(
        entity_id="team-1",
        entity_type="agent",
        timestamp=START_MS + 3 * STEP_MS,
        action_id="act-1",
        action_type="unheard_of",
        params={"score": "4"},
    )
    outsider.write("actions", **_plain(action))
    deployment.wait_committed()

    revisions = [goal for goal in outsider.read("goals") if goal["revision"]]
    assert [goal["goal_id"] for goal in revisions] == ["g-1"] * len(revisions)
    last = revisions[-1]
    assert (last["baseline"], last["current_value"], last["progress"]) == (2.0, 4.0, 0.25)
    answers = [each for each in outsider.read("suggestions") if each["action_id"] == "act-1"]
    (suggestion,) = answers
    assert suggestion["values"] == {"score": 7.0}
    (analysis,) = suggestion["analysis"]
    assert analysis | {"goal_id": ""} == {
        "goal_id": "", "metric": "score", "goal": 10.0, "current": 4.0, "gap": 6.0,
        "baseline": 2.0, "trend": "toward_goal", "progress_ratio": 0.25,
    }  # fmt: skip
    (outcome,) = outsider.read("outcomes")
    assert (outcome["action_id"], outcome["status"], outcome["error_type"]) == (
        "act-1",
        "failure",
        "NoHandler",
    )
    shown = worker.get("/tables/suggestions/team-1").json()["value"]
    assert (shown["suggestion_id"], shown["values"]) == (
        suggestion["suggestion_id"],
        suggestion["values"],
    )
    goal = worker.get("/tables/goals/team-1/g-1").json()["value"]
    assert goal["progress"] == 0.25
    worker.stop()


def test_any_worker_answers_for_any_key(deployment: Deployment, registry_url: str) -> None:
    ports = free_port(), free_port()
    peers = [f"http://127.0.0.1:{port}" for port in ports]
    workers = [
        deployment.worker(name, {"web": {"port": port, "peers": peers}}).start()
        for name, port in zip("ab", ports, strict=True)
    ]
    until(lambda: all(worker.is_ready() for worker in workers), "both ready")
    shares = [worker.get("/partitions").json()["owned"] for worker in workers]
    assert all(shares)
    assert sorted(shares[0] + shares[1]) == list(range(PARTITIONS))

    outsider = Outsider(deployment, registry_url)
    names = [entity(number) for number in range(12)]
    for number, name in enumerate(names):
        outsider.write("metrics", **measured(float(number), number) | {"entity_id": name})
    deployment.wait_committed("metrics")
    for worker in workers:
        for number, name in enumerate(names):
            reply = worker.get(f"/tables/metric_state/{name}/score")
            assert reply.status_code == 200, reply.text
            assert reply.json()["value"]["last"] == number
        listed = worker.get("/tables/metric_state?all=true").json()
        assert listed["complete"]
        assert [item["key"] for item in listed["items"]] == [f"{name}/score" for name in names]
        alone = worker.get("/tables/metric_state").json()["items"]
        assert 0 < len(alone) < len(names)
    for worker in workers:
        worker.stop()


def _plain(record: Goal | Action) -> dict[str, Any]:
    """A record's fields as a foreign program would write them."""
    return msgspec.to_builtins(record)
