"""The broker inside the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer

from streams.errors import ConfigError, Unavailable
from streams.runtime.connect import topology_of
from streams.runtime.embedded import PARTITIONS, EmbeddedBroker, broker_for
from streams.settings import EMBEDDED, Settings
from tests.kits.kafka.harness import KafkaHarness


def embedded(partitions: int | None = None) -> Settings:
    return Settings.model_validate(
        {"kafka": {"bootstrap": EMBEDDED}, "topics": {"partitions": partitions}}
    )


def test_all_declared_topics_are_there_and_hold_what_is_written() -> None:
    with broker_for(embedded()) as settings:
        kafka = KafkaHarness(settings.kafka.bootstrap)
        for spec in topology_of(settings).all():
            assert kafka.partitions(spec.name) == list(range(PARTITIONS))
        topic = topology_of(settings).kafka_name("metrics")
        kafka.produce(topic, [(b"k", b"one"), (b"k", b"two")])
        assert [message.value() for message in kafka.consume_all(topic)] == [b"one", b"two"]


def test_state_ends_with_the_broker() -> None:
    with broker_for(embedded()) as settings:
        directory = Path(settings.worker.state_dir)
        assert directory.is_dir()
        (directory / "something").write_text("stored")
    assert not directory.exists()


def test_other_settings_are_left_alone() -> None:
    given = Settings()
    with broker_for(given) as settings:
        assert settings is given


def test_another_number_of_partitions_is_refused() -> None:
    with pytest.raises(ConfigError) as caught, broker_for(embedded(partitions=6)):
        pass
    assert (caught.value.field, caught.value.value) == ("topics.partitions", 6)


def test_a_closed_broker_answers_nobody() -> None:
    broker = EmbeddedBroker()
    broker.close()
    with pytest.raises(Unavailable):
        broker.create([])
    errors: list[KafkaError] = []
    client = Producer({"bootstrap.servers": broker.bootstrap, "error_cb": errors.append})
    while not errors:
        client.poll(5.0)
    assert errors[0].code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
