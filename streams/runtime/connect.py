"""From settings to what they name: declared topics, schema registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from streams.settings import EMBEDDED, Settings, read_secret
from streams.wire.confluent import ConfluentRegistry
from streams.wire.registry import EmbeddedRegistry, Registry
from streams.wire.topology import Topology


def topology_of(settings: Settings) -> Topology:
    """The declared topics under these settings. Raises ConfigError."""
    topics = settings.topics
    return Topology.load(
        Path(topics.file) if topics.file else None,
        topics.prefix,
        app_id=settings.worker.app_id,
        partitions=topics.partitions,
        replication=topics.replication,
    )


@contextmanager
def opened_registry(settings: Settings) -> Iterator[Registry]:
    """The registry that is set, closed afterwards; nothing is asked of it yet.

    Raises ConfigError.
    """
    registry = settings.registry
    if registry.url == EMBEDDED:
        yield EmbeddedRegistry()
        return
    password = (
        read_secret(registry.password_file, "registry.password_file") if registry.username else ""
    )
    with closing(
        ConfluentRegistry(
            registry.url,
            timeout_seconds=registry.timeout_seconds,
            username=registry.username,
            password=password,
            cafile=registry.ssl_cafile,
            certfile=registry.ssl_certfile,
            keyfile=registry.ssl_keyfile,
            lookups_per_minute=registry.lookups_per_minute,
        )
    ) as confluent:
        yield confluent
