"""From settings to the outside: broker for Faust, schema registry, declared topics."""

from __future__ import annotations

import ssl
from pathlib import Path

from faust.auth import SASLCredentials, SSLCredentials

from streams.runtime.app import Broker
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


def open_registry(settings: Settings) -> Registry:
    """The registry that the settings name; nothing is asked of it yet."""
    registry = settings.registry
    if registry.url == EMBEDDED:
        return EmbeddedRegistry()
    password = (
        read_secret(registry.password_file, "registry.password_file") if registry.username else ""
    )
    return ConfluentRegistry(
        registry.url,
        timeout_seconds=registry.timeout_seconds,
        username=registry.username,
        password=password,
    )


def broker_of(settings: Settings) -> Broker:
    """Kafka as Faust takes it: a URL list and credentials."""
    kafka = settings.kafka
    url = ";".join(f"kafka://{server.strip()}" for server in kafka.bootstrap.split(","))
    protocol = kafka.security_protocol.upper()
    if protocol == "PLAINTEXT":
        return Broker(url)
    context: ssl.SSLContext | None = None
    if protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_cafile or None)
        if kafka.ssl_certfile:
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile or None)
    if protocol == "SSL":
        return Broker(url, SSLCredentials(context))
    password = read_secret(kafka.sasl_password_file, "kafka.sasl_password_file")
    credentials = SASLCredentials(
        username=kafka.sasl_username,
        password=password,
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )
    return Broker(url, credentials)
