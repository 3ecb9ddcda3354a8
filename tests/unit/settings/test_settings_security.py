"""How the security settings of Kafka go together and reach the client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from streams.errors import ConfigError
from streams.runtime.admin import Cluster
from streams.settings import Settings, load_settings


def overrides(section: str, **values: str) -> dict[str, str]:
    return {f"{section}.{key}": value for key, value in values.items()}


@pytest.mark.spec("S2-089")
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(
            {
                "bootstrap": "pkc-1.eu-central-1.aws.confluent.cloud:9092",
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "PLAIN",
                "sasl_username": "KEY",
            },
            id="confluent-cloud",
        ),
        pytest.param(
            {
                "bootstrap": "b-1.m.kafka.amazonaws.com:9096,b-2.m.kafka.amazonaws.com:9096",
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_username": "alice",
            },
            id="aws-msk",
        ),
        pytest.param(
            {
                "bootstrap": "ns.servicebus.windows.net:9093",
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "PLAIN",
                "sasl_username": "$ConnectionString",
            },
            id="azure-event-hubs",
        ),
    ],
)
def test_managed_services_are_accepted(tmp_path: Path, values: dict[str, str]) -> None:
    password = tmp_path / "password"
    password.write_text("Endpoint=sb://x/;SharedAccessKey=y=")
    settings = load_settings(
        overrides=overrides("kafka", **values, sasl_password_file=str(password)), environ={}
    )
    client = settings.librdkafka()
    assert client["bootstrap.servers"] == values["bootstrap"]
    assert client["security.protocol"] == "SASL_SSL"
    assert client["sasl.mechanism"] == values["sasl_mechanism"]
    assert client["sasl.username"] == values["sasl_username"]
    assert client["sasl.password"] == "Endpoint=sb://x/;SharedAccessKey=y="


@pytest.mark.spec("S2-087")
def test_certificate_settings_reach_the_client(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for key in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        path = tmp_path / key
        path.write_text("this is no certificate")
        files[key] = str(path)
    settings = load_settings(
        overrides=overrides("kafka", security_protocol="SSL", **files), environ={}
    )
    client = settings.librdkafka()
    assert client["ssl.ca.location"] == files["ssl_cafile"]
    assert client["ssl.certificate.location"] == files["ssl_certfile"]
    assert client["ssl.key.location"] == files["ssl_keyfile"]
    # The real client opens the files, so it is the one that refuses them.
    with pytest.raises(ConfigError, match=r"ssl\.(ca|certificate|key)\.location"):
        Cluster(client)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"security_protocol": "SASL_SSL"}, "kafka.sasl_mechanism"),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u"},
            "kafka.sasl_password_file",
        ),
        ({"sasl_mechanism": "PLAIN"}, "kafka.sasl_mechanism"),
        ({"ssl_cafile": "ca.pem"}, "kafka.ssl_cafile"),
        ({"security_protocol": "SSL", "ssl_certfile": "c.pem"}, "kafka.ssl_keyfile"),
        ({"security_protocol": "TLS"}, "kafka.security_protocol"),
        ({"bootstrap": "localhost"}, "kafka.bootstrap"),
        ({"bootstrap": "localhost:99999"}, "kafka.bootstrap"),
        ({"bootstrap": "http://localhost:9092"}, "kafka.bootstrap"),
        ({"bootstrap": ""}, "kafka.bootstrap"),
    ],
)
def test_incomplete_or_contradicting_settings_are_refused(
    values: dict[str, str], field: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=overrides("kafka", **values), environ={})
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    settings = load_settings(
        overrides=overrides("kafka", security_protocol="SSL", ssl_cafile="/nowhere/ca.pem"),
        environ={},
    )
    with pytest.raises(ConfigError) as caught:
        settings.librdkafka()
    assert (caught.value.field, caught.value.value) == ("kafka.ssl_cafile", "/nowhere/ca.pem")


def test_an_embedded_broker_has_an_address_only_inside_its_process() -> None:
    settings = load_settings(overrides={"kafka.bootstrap": "embedded"}, environ={})
    with pytest.raises(ConfigError, match="embedded"):
        settings.librdkafka()
    assert settings.librdkafka("127.0.0.1:5")["bootstrap.servers"] == "127.0.0.1:5"


def test_the_embedded_broker_refuses_exactly_once_by_name() -> None:
    with pytest.raises(ConfigError, match="no transactions") as caught:
        load_settings(
            overrides={"kafka.bootstrap": "embedded", "worker.guarantee": "exactly_once"},
            environ={},
        )
    assert caught.value.field == "worker.guarantee"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])
def test_views_reachable_from_outside_need_a_token(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides={"web.host": host}, environ={})
    assert caught.value.field == "web.host"
    with_token = {"web.host": host, "web.token_file": "token"}
    assert load_settings(overrides=with_token, environ={}).web.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert load_settings(overrides={"web.host": host}, environ={}).web.token_file == ""


def test_settings_cannot_be_changed() -> None:
    settings: Any = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.web = settings.web
    with pytest.raises(ValidationError, match="frozen"):
        settings.web.port = 1
