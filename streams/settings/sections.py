"""The sections of the settings that concern the process: names, types, ranges and defaults.

Times are in seconds. Secrets are named by file, never held here.
"""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from streams.core.kernel.checks import CENTURY_MS
from streams.errors import ConfigError
from streams.records.limits import MOST_OUTPUT_BYTES, OUTPUT_BYTES, TEXT_BYTES

EMBEDDED = "embedded"
MAX_SECONDS = CENTURY_MS // 1000


def split_text(value: object) -> object:
    """Lists from flags and variables: JSON when in brackets, else separated by commas."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return value
    return [part.strip() for part in text.split(",") if part.strip()]


def _checked_bootstrap(value: str) -> str:
    addresses = [part.strip() for part in value.split(",")]
    for address in addresses if value != EMBEDDED else ():
        host, _, port = address.rpartition(":")
        if not host or "@" in host or "/" in host or not port.isdigit() or int(port) > 65535:
            raise ConfigError(
                "not a broker address", remedy="use host:port[,host:port] or embedded"
            )
    return ",".join(addresses)


def _checked_url(value: str) -> str:
    if value != EMBEDDED and not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", value):
        raise ConfigError(
            "not a registry address",
            remedy="use embedded or http(s)://host[:port][/path], credentials apart "
            "in registry.username and registry.password_file",
        )
    return value.rstrip("/")


def _checked_peer(value: str) -> str:
    if not re.fullmatch(r"(https?://)?[^\s/@:]+:\d{1,5}", value):
        raise ConfigError("not a peer address", remedy="use host:port or http(s)://host:port")
    return value


def checked_zone(value: str) -> str:
    """The name of a time zone that this machine knows."""
    if value not in available_timezones():
        raise ConfigError("not a time zone", remedy="use an IANA name such as Europe/Zurich")
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(split_text)]
Modules = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")], ...],
    BeforeValidator(split_text),
]
Peers = Annotated[
    tuple[Annotated[str, AfterValidator(_checked_peer)], ...], BeforeValidator(split_text)
]
KafkaName = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=120)
Seconds = Annotated[float, Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSection(Section):
    """How to reach the brokers, for every client of this process."""

    bootstrap: Annotated[str, AfterValidator(_checked_bootstrap)] = "localhost:9092"
    """host:port, several separated by commas; ``embedded`` for a broker inside the process."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    sasl_username: str = ""
    sasl_password_file: str = ""

    @model_validator(mode="after")
    def _security_is_complete(self) -> Self:
        uses_sasl = self.security_protocol.startswith("SASL")
        for key in ("sasl_mechanism", "sasl_username", "sasl_password_file"):
            value = getattr(self, key)
            if bool(value) != uses_sasl:
                remedy = f"set {key}" if uses_sasl else "use security_protocol SASL_SSL"
                message = f"does not go with security_protocol {self.security_protocol}"
                raise ConfigError(message, field=key, value=value, remedy=remedy)
        uses_ssl = self.security_protocol.endswith("SSL")
        for key in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            if getattr(self, key) and not uses_ssl:
                message = f"does not go with security_protocol {self.security_protocol}"
                remedy = "use security_protocol SSL or SASL_SSL"
                raise ConfigError(message, field=key, value=getattr(self, key), remedy=remedy)
        _require_both_files(self.ssl_certfile, self.ssl_keyfile)
        return self


def _require_both_files(certfile: str, keyfile: str) -> None:
    if bool(certfile) != bool(keyfile):
        missing = "ssl_keyfile" if certfile else "ssl_certfile"
        raise ConfigError(
            "a client certificate needs both files", field=missing, value="", remedy="set it"
        )


class RegistrySection(Section):
    url: Annotated[str, AfterValidator(_checked_url)] = EMBEDDED
    """``embedded``: the schemas of the package with fixed ids; else a registry's address."""
    timeout_seconds: Seconds = 3.0
    lookups_per_minute: Annotated[float, Field(ge=1, le=600)] = 30.0
    """How often the schemas of one topic are asked for, at most. A record with a schema id that is
    not known yet may wait so long."""
    username: str = ""
    password_file: str = ""
    ssl_cafile: str = ""
    """Who vouches for the registry; empty for the authorities of the system."""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""

    @model_validator(mode="after")
    def _tls_is_complete(self) -> Self:
        for key in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            if getattr(self, key) and not self.url.startswith("https://"):
                message, remedy = "goes with https only", "set registry.url to an https address"
                raise ConfigError(message, field=key, value=getattr(self, key), remedy=remedy)
        _require_both_files(self.ssl_certfile, self.ssl_keyfile)
        return self

    @model_validator(mode="after")
    def _credentials_are_complete(self) -> Self:
        if bool(self.username) != bool(self.password_file):
            missing = "password_file" if self.username else "username"
            remedy = "set both username and password_file"
            raise ConfigError("credentials incomplete", field=missing, value="", remedy=remedy)
        return self


class TopicsSection(Section):
    file: str = ""
    """A topics.yaml of your own; empty for the packaged one."""
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", max_length=100)
    """Put in front of every topic name."""
    partitions: Count | None = None
    """Instead of the partitions in the file, for every co-partitioned topic."""
    replication: Annotated[int, Field(ge=1, le=32767)] | None = None
    """Instead of the replication in the file."""


class WorkerSection(Section):
    app_id: Annotated[str, KafkaName] = "goalstream"
    """Consumer group, and the first part of the changelog topics' names."""
    state_dir: Path = Path("state")
    guarantee: Literal["exactly_once", "at_least_once"] = "at_least_once"
    """exactly_once: outputs, state and offsets of a checkpoint are one Kafka transaction; who reads
    the outputs sets ``isolation.level=read_committed``. The same for all workers of an app id."""
    checkpoint_seconds: Seconds = 1.0
    output_seconds: Seconds = 0.1
    """With exactly_once: longest that outputs wait for the checkpoint that lets them leave."""
    transaction_seconds: Annotated[float, Field(ge=1, le=900)] = 15.0
    """With exactly_once: longest that a checkpoint's transaction may take. Who gets the partitions
    of a lost worker waits as long for the transaction that it left open."""
    batch_records: Count = 2000
    """Most records handed to the core at once."""
    cache_series: Count = 25_000
    """Series in memory over all partitions, 18 KB each with the default models; the others stay on
    disk."""
    cache_entities: Count = 20_000
    model_bytes_per_checkpoint: Count = 8_000_000
    """Most bytes of forecaster models saved in one checkpoint."""
    stall_seconds: Seconds = 60.0
    """Without progress for this long, the process ends with an error."""
    handover_seconds: Seconds = 20.0
    """Deadline of everything that is done when partitions are taken away."""
    stop_seconds: Seconds = 15.0
    """After a failure, or after the hand-over of a stop, the process ends within this time,
    whatever it still waits for."""
    ready_seconds: Seconds = 15.0
    """A worker whose last checkpoint is older than this and ``checkpoint_seconds`` is not ready."""
    session_seconds: Annotated[float, Field(ge=6, le=80)] = 45.0
    """Silence after which the group gives a worker's partitions to the others. The broker's
    ``group.min.session.timeout.ms`` and ``group.max.session.timeout.ms`` bound it, too."""
    tick_seconds: Seconds = 1.0
    """How often it is checked whether something is due for entities that send nothing."""
    handlers: Modules = ()
    """Modules that register action handlers."""
    handler_timeout_seconds: Seconds = 30.0
    handler_concurrency: Count = 16
    output_bytes: Annotated[int, Field(ge=TEXT_BYTES, le=MOST_OUTPUT_BYTES)] = OUTPUT_BYTES
    """Largest output, stack trace, input and context of an outcome. What a handler gives back is
    cut to it; an outcome from elsewhere that has more is refused."""
    kill_switch_file: str = ""
    """While this file exists, no action of a plan starts; empty for ``halted`` in ``state_dir``."""


class WebSection(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=5003, ge=0, le=65535)
    """0 for any free port."""
    token_file: str = ""
    """File with the bearer token that workers show one another, and that of a command line or a
    deployment that does not tell people apart."""
    tokens_file: str = ""
    """File with the digests of the tokens of people and services, and their roles."""
    allowed_hosts: Texts = ()
    """Names under which readers and peers reach this worker, besides ``host`` and loopback."""
    peers: Peers = ()
    """Other workers' views that a request may be passed on to; nothing else is ever asked."""

    @model_validator(mode="after")
    def _open_address_needs_token(self) -> Self:
        if not self.token_file and not self.tokens_file and not _is_loopback(self.host):
            raise ConfigError(
                "reachable from outside without a token",
                field="host",
                value=self.host,
                remedy="set web.token_file, or use 127.0.0.1",
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class LoggingSection(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    json_lines: bool = Field(default=False, alias="json")
