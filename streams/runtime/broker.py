"""How a worker reaches Kafka, in Faust's terms."""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple

from faust.auth import SASLCredentials, SSLCredentials

from streams.settings import Settings, read_secret


class Broker(NamedTuple):
    """Address and credentials as Faust takes them."""

    url: str
    credentials: Any = None


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
