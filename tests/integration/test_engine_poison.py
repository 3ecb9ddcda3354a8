"""Messages that nobody can use, in the middle of good ones, through a running worker."""

from __future__ import annotations

import math
import struct
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from streams.core.series.store import HOT
from streams.records import Action, DeadLetter, Metric
from streams.wire.registry import EMBEDDED_IDS
from tests.kits.kafka.deployment import Deployment
from tests.kits.kafka.ledger import START_MS
from tests.kits.kafka.verifier import decoded, latest

GOOD = 40
"""Good metrics between two bad ones."""

Message = tuple[bytes | None, bytes | None]


def good(number: int) -> Metric:
    return Metric(
        entity_id=f"host-{number % 5}", timestamp=START_MS + number * 1000, name="load", value=1.5
    )


def bad_metrics(deployment: Deployment) -> dict[str, list[Message]]:
    """Reason -> messages that must be refused for it."""
    sample = replace(good(0), entity_id="bad")
    value = deployment.encode("metrics", sample)

    def encoded(**changes: object) -> bytes:
        return deployment.encode("metrics", replace(sample, **changes))

    unknown = struct.pack(">bI", 0, 77) + value[5:]
    other = struct.pack(">bI", 0, EMBEDDED_IDS["Goal"]) + value[5:]
    return {
        "empty": [(b"bad", None), (b"bad", b"")],
        "not_framed": [(b"bad", b'{"entity_id": "bad"}'), (b"bad", b"\0\0")],
        "unknown_schema": [(b"bad", unknown)],
        "undecodable": [(b"bad", value[:-7]), (b"bad", other), (b"bad", value[:5])],
        "trailing_bytes": [(b"bad", value + b"\0")],
        "too_large": [(b"bad", value + bytes(1_000_100))],
        "missing_key": [(None, value)],
        "invalid_entity": [(b"a\x1fb", encoded(entity_id="a\x1fb")), (b"bad", encoded(name=""))],
        "key_mismatch": [(b"other", value), (b"\xff\xfe", value)],
        "invalid_timestamp": [(b"bad", encoded(timestamp=at)) for at in (0, 8 * 10**14)],
        "timestamp_unit": [(b"bad", encoded(timestamp=10**15))],
        "invalid_value": [(b"bad", encoded(value=math.nan)), (b"bad", encoded(value=math.inf))],
    }


def produce(deployment: Deployment, topic: str, messages: list[Message]) -> None:
    """Like a foreign producer: in this order, to the partition of the key, also large ones."""
    producer = Producer(
        {
            "bootstrap.servers": deployment.kafka.bootstrap,
            "partitioner": "murmur2_random",
            "message.max.bytes": 1_040_000,
            "linger.ms": 50,
        }
    )
    for key, value in messages:
        producer.produce(topic, value, key, headers={"trace": b"t-1"})
    assert producer.flush(30) == 0


@pytest.mark.spec("S0-009")
def test_each_bad_metric_is_dead_lettered_once_and_each_good_one_is_learned(
    deployment: Deployment,
) -> None:
    bad = [
        (reason, message)
        for reason, messages in bad_metrics(deployment).items()
        for message in messages
    ]
    sent: list[Message] = []
    for index, (_, message) in enumerate(bad):
        sent += [
            (each.entity_id.encode(), deployment.encode("metrics", each))
            for each in map(good, range(index * GOOD, (index + 1) * GOOD))
        ]
        sent.append(message)
    produce(deployment, deployment.topic("metrics"), sent)
    worker = deployment.worker("a").start().wait_ready()
    deployment.wait_committed()
    worker.stop()

    letters = [record for _, record in decoded(deployment, "dead-letter")]
    expected = Counter(reason for reason, _ in bad)
    assert Counter(x.reason for x in letters if isinstance(x, DeadLetter)) == expected
    origins = set()
    for letter in letters:
        assert isinstance(letter, DeadLetter)
        origins.add((letter.partition, letter.offset))
        assert letter.topic == deployment.topic("metrics")
        assert [(header.key, header.value) for header in letter.headers] == [("trace", b"t-1")]
        if letter.reason != "too_large":
            assert (letter.reason, (letter.key, letter.value)) in bad
    assert len(origins) == len(letters) == len(bad)

    rows = latest(deployment, "series")
    assert {key for _, key in rows} == {f"host-{number}\x1fload".encode() for number in range(5)}
    counts = [int.from_bytes(row[16:24], "little") for row in rows.values()]
    assert HOT.fields is not None
    assert HOT.fields["count"][1] == 16
    assert counts == [len(bad) * GOOD // 5] * 5


@pytest.mark.spec("S0-015")
def test_an_action_that_cannot_be_read_does_not_hold_up_the_next(
    deployment: Deployment, tmp_path: Path
) -> None:
    actions = [
        Action(
            entity_id="host-1",
            timestamp=START_MS + number,
            action_id=f"a-{number}",
            action_type="none",
        )
        for number in range(3)
    ]
    values = [deployment.encode("actions", action) for action in actions]
    messages: list[Message] = [
        (b"host-1", values[0]),
        (b"host-1", values[1][:-3]),
        (b"host-1", b"text"),
        (b"host-1", values[2]),
    ]
    produce(deployment, deployment.topic("actions"), messages)
    worker = deployment.worker("a").start().wait_ready()
    deployment.wait_committed()
    worker.stop()
    letters = [record for _, record in decoded(deployment, "dead-letter")]
    assert [x.value for x in letters if isinstance(x, DeadLetter)] == [values[1][:-3], b"text"]
    outcomes = [getattr(record, "action_id", "") for _, record in decoded(deployment, "outcomes")]
    assert sorted(outcomes) == ["a-0", "a-2"]
