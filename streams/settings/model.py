"""The settings as one frozen, typed object, and what each part of the program gets of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.core.config import CoreConfig
from streams.core.forecasting.calendar import CalendarConfig
from streams.core.planning.config import ActionSpec
from streams.errors import ConfigError
from streams.settings.core_sections import core_part, section_of
from streams.settings.features import make_features
from streams.settings.sections import (
    EMBEDDED,
    KafkaSection,
    LoggingSection,
    RegistrySection,
    TopicsSection,
    WebSection,
    WorkerSection,
    checked_zone,
)

ENV_PREFIX = "GOALSTREAM_"
ENV_DELIMITER = "__"


class _ProcessSettings(BaseSettings):
    """What concerns the process."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        enable_decoding=False,
    )

    kafka: KafkaSection = KafkaSection()
    registry: RegistrySection = RegistrySection()
    topics: TopicsSection = TopicsSection()
    worker: WorkerSection = WorkerSection()
    web: WebSection = WebSection()
    logging: LoggingSection = LoggingSection()


class Settings(section_of(CoreConfig), _ProcessSettings):
    """Everything that can be set: what concerns the process, and what the core is told.

    Building it directly reads neither file nor environment.
    """

    time_zone: Annotated[str, AfterValidator(checked_zone)] = "UTC"
    """IANA name of the zone in which hours of the day and weekdays of patterns are counted."""
    duration_metric: str = Field(default="", max_length=200, pattern=r"^[^\x00-\x1f]*$")
    """Metric that gets the run time of each action, in ms; empty for none."""

    features: dict[str, dict[str, Any]] = {}
    """Features of one's own, each with its section: by entry point or ``module:attribute``."""

    @model_validator(mode="after")
    def _the_broker_has_transactions(self) -> Self:
        if self.kafka.bootstrap == EMBEDDED and self.worker.guarantee == "exactly_once":
            raise ConfigError(
                "the embedded broker has no transactions",
                field="worker.guarantee",
                value="exactly_once",
                remedy="set kafka.bootstrap to the address of a broker, or use at_least_once",
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes it
        init_settings: PydanticBaseSettingsSource,
        **_: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    def core(self, catalogue: Mapping[str, ActionSpec] | None = None) -> CoreConfig:
        """What the core is told, in its units; ConfigError with the settings' path.

        ``catalogue`` is what the handlers tell of their actions; what is set goes before it.
        """
        base = CoreConfig(
            calendar=CalendarConfig(zone=self.time_zone),
            zone=UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone),
            actions=dict(catalogue or {}),
            features=make_features(self.features),
        )
        return core_part(base, self)

    def librdkafka(self, bootstrap: str = "") -> dict[str, Any]:
        """Configuration of a confluent-kafka client, passwords read from their files.

        ``bootstrap`` is the address of the embedded broker where one runs in this process.
        """
        kafka = self.kafka
        address = bootstrap or kafka.bootstrap
        if address == EMBEDDED:
            raise ConfigError(
                "the embedded broker lives inside the process that started it",
                field="kafka.bootstrap",
                value=EMBEDDED,
                remedy="set kafka.bootstrap to the address of a broker",
            )
        client: dict[str, Any] = {
            "bootstrap.servers": address,
            "client.id": self.worker.app_id,
            "security.protocol": kafka.security_protocol,
        }
        files = {
            "ssl.ca.location": "ssl_cafile",
            "ssl.certificate.location": "ssl_certfile",
            "ssl.key.location": "ssl_keyfile",
        }
        for option, key in files.items():
            if path := getattr(kafka, key):
                client[option] = str(readable(path, f"kafka.{key}"))
        if kafka.sasl_mechanism:
            client["sasl.mechanism"] = kafka.sasl_mechanism
            client["sasl.username"] = kafka.sasl_username
            client["sasl.password"] = read_secret(
                kafka.sasl_password_file, "kafka.sasl_password_file"
            )
        return client


def read_secret(path: str, field: str) -> str:
    """The text of a secret's file without the line end; ConfigError when it is not usable."""
    text = readable(path, field).read_text(encoding="utf-8").strip()
    if not text:
        raise ConfigError("file is empty", field=field, value=path, remedy="write the secret to it")
    return text


def readable(path: str | Path, field: str) -> Path:
    file = Path(path)
    try:
        with file.open("rb"):
            return file
    except OSError as error:
        reason = error.strerror or "cannot be opened"
        raise ConfigError(
            f"file cannot be read: {reason}",
            field=field,
            value=str(path),
            remedy="name a readable file",
        ) from error
