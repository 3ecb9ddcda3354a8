"""A broker inside the process, for the demo, for development and for fast tests.

It is librdkafka's mock cluster: real Kafka protocol over real TCP on a loopback port, with
consumer groups and offset commits, and nothing to install. Its limits:

* Everything is in memory and ends with the process. A partition keeps its newest 5 MB or so;
  older records are dropped, whatever the topic's configuration says.
* Topics come into being when they are first asked for, always with 4 partitions; they cannot be
  created, altered or deleted on request. There are no access rights and no TLS.
* There is one broker and one copy of each record.

So never use it for data that matters.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer

from streams.errors import ConfigError, Unavailable
from streams.runtime.connect import topology_of
from streams.runtime.kafka import ANSWER_SECONDS, quiet_logger
from streams.settings import EMBEDDED, Settings
from streams.wire.topology import TopicSpec

PARTITIONS = 4
"""Partitions of every topic; the mock cluster knows no other number."""


class EmbeddedBroker:
    """Runs from construction until ``close``. Raises Unavailable when it does not come up."""

    def __init__(self) -> None:
        # The cluster lives inside this client and dies with it.
        self._host: Producer | None = Producer(
            {"test.mock.num.brokers": 1, "client.id": "embedded-broker"}, logger=quiet_logger()
        )
        try:
            brokers = self._host.list_topics(timeout=ANSWER_SECONDS).brokers.values()
        except KafkaException as error:
            raise Unavailable(
                f"the embedded broker does not come up: {error}",
                remedy="check that programs may open ports on 127.0.0.1",
            ) from error
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        """host:port for every client of this machine."""

    def create(self, topics: Iterable[TopicSpec]) -> None:
        """Make topics exist by asking for them.

        Raises ConfigError for one that wants another number of partitions than PARTITIONS.
        """
        if self._host is None:
            raise Unavailable("the embedded broker is closed", remedy="start another one")
        for spec in topics:
            if spec.co_partitioned and spec.partitions != PARTITIONS:
                raise ConfigError(
                    f"the embedded broker gives every topic {PARTITIONS} partitions",
                    field="topics.partitions",
                    value=spec.partitions,
                    remedy=f"set topics.partitions to {PARTITIONS}, or use a real broker",
                )
            self._host.list_topics(spec.name, timeout=ANSWER_SECONDS)

    def close(self) -> None:
        """Stop it; all records are gone. Clients that are still connected lose their broker."""
        self._host = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def broker_for(settings: Settings) -> Iterator[Settings]:
    """The settings with an address in ``kafka.bootstrap``, valid while the context lasts.

    Where they say ``embedded``, a broker is started with all declared topics, and the state
    directory is a temporary one: stored state is worthless without the topics it was made of.
    Other settings are given back as they are.
    """
    if settings.kafka.bootstrap != EMBEDDED:
        yield settings
        return
    with (
        EmbeddedBroker() as broker,
        tempfile.TemporaryDirectory(prefix="goalstream-", ignore_cleanup_errors=True) as directory,
    ):
        broker.create(topology_of(settings).all())
        changes = {
            "kafka": settings.kafka.model_copy(update={"bootstrap": broker.bootstrap}),
            "worker": settings.worker.model_copy(update={"state_dir": Path(directory)}),
        }
        yield settings.model_copy(update=changes)
