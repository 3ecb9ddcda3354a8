"""The messages that the demo sends although nobody can use them."""

from __future__ import annotations

from dataclasses import dataclass

from streams.demo.replay import Message, bad_messages
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.encode import Encoder
from streams.wire.registry import EmbeddedRegistry
from streams.wire.rejected import Reason
from streams.wire.topology import RECORD_OF, Topology


@dataclass(frozen=True, slots=True)
class Fetched:
    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    partition: int = 0
    timestamp: int = 1
    headers: tuple[tuple[str, bytes | None], ...] = ()


def messages() -> list[Message]:
    registry, topology = EmbeddedRegistry(), Topology.load()
    names = {topology.kafka_name(name): RECORD_OF[name] for name in ("metrics", "commands")}
    encoder = Encoder(registry, names)
    encoder.prepare()
    return bad_messages(
        lambda topic, record: encoder.encode(record, topology.kafka_name(topic)), 1_400_000_000_000
    )


def test_every_metric_is_refused_for_a_reason_of_its_own() -> None:
    sent = [message for message in messages() if message.topic == "metrics"]
    raws = [Fetched("m", offset, each.key, each.value) for offset, each in enumerate(sent)]
    decoded = MetricDecoder(EmbeddedRegistry()).decode(raws)
    assert len(decoded.batch) == 0
    reasons = {rejected.reason for rejected in decoded.rejected}
    assert len(reasons) == len(sent)
    unsent = {Reason.TOO_LARGE, Reason.FIELD_TOO_LARGE, Reason.TIMESTAMP_UNIT}
    assert reasons == set(Reason) - unsent


def test_an_action_is_refused_and_a_command_is_only_refused_by_the_engine() -> None:
    (action,) = [message for message in messages() if message.topic == "actions"]
    (command,) = [message for message in messages() if message.topic == "commands"]
    registry = EmbeddedRegistry()
    decoder = RecordDecoder(registry, RECORD_OF["actions"])
    (rejected,) = decoder.decode([Fetched("a", 0, action.key, action.value)]).rejected
    assert rejected.reason is Reason.NOT_FRAMED
    decoded = RecordDecoder(registry, RECORD_OF["commands"]).decode(
        [Fetched("c", 0, command.key, command.value)]
    )
    assert len(decoded.records) == 1
