"""Records through a real broker by the command line: in by produce, out by consume."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from typer.testing import CliRunner, Result

from streams.cli.app import app
from streams.cli.state import CliState

NOW = 1_767_225_600_000
HEADER = "entity_id,name,value,timestamp,unit\n"

Goalstream = Callable[..., Result]


@pytest.fixture
def prefix(unique: str) -> str:
    return f"{unique}-"


@pytest.fixture
def goalstream(
    bootstrap: str, registry_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Goalstream:
    """Runs the command line with a fixed clock, the topics being there."""
    monkeypatch.chdir(tmp_path)
    ids = (f"id-{number}" for number in range(1000))
    state = CliState(now=lambda: NOW, new_id=lambda: next(ids))

    def run(*arguments: str, stdin: str | bytes | None = None, **settings: str) -> Result:
        values = {
            "kafka.bootstrap": bootstrap,
            "registry.url": registry_url,
            "topics.prefix": prefix,
            "worker.app_id": prefix.rstrip("-"),
        }
        flags = [f"--set={key}={value}" for key, value in (values | settings).items()]
        return CliRunner().invoke(app, [*flags, *arguments], input=stdin, obj=state)

    applied = run("topics", "apply")
    assert applied.exit_code == 0, applied.stderr
    return run


def consumed(goalstream: Goalstream, topic: str, *options: str) -> list[dict[str, Any]]:
    result = goalstream("consume", topic, "--from", "beginning", "--timeout", "2", *options)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_metrics_of_a_csv_file_come_out_as_they_went_in(
    goalstream: Goalstream, tmp_path: Path, prefix: str
) -> None:
    path = tmp_path / "metrics.csv"
    rows = [f"e{n % 7},cpu,{n / 4},{NOW + n},%\n" for n in range(300)]
    path.write_text(HEADER + "".join(rows))
    result = goalstream("produce", "metrics", str(path))
    assert result.exit_code == 0
    assert f"300 metrics sent to {prefix}agent-metrics" in result.stderr
    found = consumed(goalstream, "metrics", "--max", "300")
    assert sorted(line["record"]["timestamp"] - NOW for line in found) == list(range(300))
    for line in found:
        record = line["record"]
        number = record["timestamp"] - NOW
        assert (record["entity_id"], record["value"]) == (f"e{number % 7}", number / 4)
        assert line["key"] == record["entity_id"]
    # One entity is on one partition.
    assert len({(line["key"], line["partition"]) for line in found}) == 7


@pytest.mark.parametrize(
    ("kind", "fields", "id_field"),
    [
        ("events", {"event_type": "deploy", "metadata": {"v": "1"}}, "event_id"),
        ("actions", {"action_type": "restart", "params": {"a": "b"}}, "action_id"),
        ("goals", {"target_metric": "cpu", "target_value": 10.0}, "goal_id"),
        ("commands", {"command": "goal.cancel", "target": "g"}, "command_id"),
    ],
)
def test_json_lines_from_stdin_get_time_and_id(
    goalstream: Goalstream, kind: str, fields: dict[str, Any], id_field: str
) -> None:
    line = json.dumps({"entity_id": "web-1", **fields})
    result = goalstream("produce", kind, "-", "--format", "jsonl", stdin=line + "\n")
    assert result.exit_code == 0, result.stderr
    (found,) = consumed(goalstream, kind, "--max", "1")
    record = found["record"]
    assert (record["entity_id"], record["timestamp"]) == ("web-1", NOW)
    assert record[id_field] == "id-0"
    assert {name: record[name] for name in fields} == fields


def test_an_outside_consumer_reads_what_was_produced(
    goalstream: Goalstream, bootstrap: str, registry_url: str, prefix: str
) -> None:
    goalstream("produce", "metrics", "-", "--format", "csv", stdin=f"{HEADER}a,cpu,1.5,{NOW},%\n")
    registry = SchemaRegistryClient({"url": registry_url, "timeout": 5})
    deserialize = AvroDeserializer(
        registry, conf={"subject.name.strategy": topic_subject_name_strategy}
    )
    topic = f"{prefix}agent-metrics"
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{prefix}outside",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(4)])
        message = consumer.poll(10)
        assert message is not None
        assert message.error() is None
        value = message.value()
        record = deserialize(value, SerializationContext(topic, MessageField.VALUE))
    finally:
        consumer.close()
    assert (record["entity_id"], record["value"], record["unit"]) == ("a", 1.5, "%")
    assert message.key() == b"a"


def test_a_bad_line_stops_with_all_before_it_delivered(goalstream: Goalstream) -> None:
    text = f"{HEADER}a,cpu,1,{NOW},%\na,cpu,much,{NOW},%\na,cpu,3,{NOW},%\n"
    result = goalstream("produce", "metrics", "-", "--format", "csv", stdin=text)
    assert result.exit_code == 1
    assert "line 3: value cannot be used" in result.stderr
    assert "value = 'much'" in result.stderr
    assert "1 metrics sent" in result.stderr
    assert [line["record"]["value"] for line in consumed(goalstream, "metrics")] == [1.0]


def test_bad_lines_are_skipped_when_asked(goalstream: Goalstream) -> None:
    text = f"{HEADER}a,cpu,1,{NOW},%\na,cpu,much,{NOW},%\na,cpu,3,{NOW},%\n"
    options = ("--format", "csv", "--on-error", "skip")
    result = goalstream("produce", "metrics", "-", *options, stdin=text)
    assert result.exit_code == 0
    assert "1 lines skipped" in result.stderr
    found = consumed(goalstream, "metrics", "--max", "2")
    assert [line["record"]["value"] for line in found] == [1.0, 3.0]


def test_a_topic_that_is_missing_is_named(goalstream: Goalstream) -> None:
    text = f"{HEADER}a,cpu,1,{NOW},%\n"
    elsewhere = {"topics.prefix": "nowhere-"}
    result = goalstream("produce", "metrics", "-", "--format", "csv", stdin=text, **elsewhere)
    assert result.exit_code == 1
    assert "nowhere-agent-metrics" in result.stderr
    assert "goalstream topics apply" in result.stderr
    result = goalstream("consume", "metrics", **elsewhere)
    assert result.exit_code == 1
    assert "goalstream topics apply" in result.stderr


def test_foreign_bytes_are_printed_between_good_records(
    goalstream: Goalstream, bootstrap: str, prefix: str
) -> None:
    text = f"{HEADER}a,cpu,1,{NOW},%\n"
    options = ("produce", "metrics", "-", "--format", "csv")
    assert goalstream(*options, stdin=text).exit_code == 0
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    producer.produce(f"{prefix}agent-metrics", b"\xff\xfe", b"a")
    producer.produce(f"{prefix}agent-metrics", None, b"a")
    producer.produce(f"{prefix}agent-metrics", b"\x00\x7f\xff\xff\xffx", b"a")
    assert producer.flush(10) == 0
    assert goalstream(*options, stdin=text).exit_code == 0
    found = consumed(goalstream, "metrics", "--max", "5")
    assert [line.get("reason") for line in found] == [
        None,
        "not_framed",
        "empty",
        "unknown_schema",
        None,
    ]
    assert found[1]["value_base64"] == "//4="


def test_consume_can_be_limited_to_a_key_and_takes_kafka_names(
    goalstream: Goalstream, prefix: str
) -> None:
    rows = "".join(f"e{n % 3},cpu,{n},{NOW},%\n" for n in range(9))
    goalstream("produce", "metrics", "-", "--format", "csv", stdin=HEADER + rows)
    found = consumed(goalstream, f"{prefix}agent-metrics", "--key", "e1", "--max", "2")
    assert [line["record"]["value"] for line in found] == [1.0, 4.0]


def test_consume_from_the_end_ends_without_a_record(goalstream: Goalstream) -> None:
    goalstream("produce", "metrics", "-", "--format", "csv", stdin=f"{HEADER}a,cpu,1,{NOW},%\n")
    result = goalstream("consume", "metrics", "--timeout", "1")
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr


@pytest.mark.spec("S2-078")
def test_with_two_addresses_one_may_be_down(goalstream: Goalstream, bootstrap: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{probe.getsockname()[1]}"
    both = {"kafka.bootstrap": f"{closed},{bootstrap}"}
    text = f"{HEADER}a,cpu,1,{NOW},%\n"
    assert goalstream("topics", "plan", **both).exit_code == 0
    sent = goalstream("produce", "metrics", "-", "--format", "csv", stdin=text, **both)
    assert sent.exit_code == 0, sent.stderr
    result = goalstream("consume", "metrics", "--from", "beginning", "--max", "1", **both)
    assert json.loads(result.stdout)["record"]["value"] == 1.0
