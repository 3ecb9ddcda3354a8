"""The settings as one frozen, typed object, and what each part of the program gets of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.core.capacity.config import StateConfig
from streams.core.config import CoreConfig
from streams.core.forecasting.calendar import CalendarConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.learning.config import LearningConfig
from streams.core.metric.config import RESOURCES, MetricConfig
from streams.core.patterns.config import PatternConfig
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.safety.config import SafetyConfig
from streams.core.suggestions.config import SuggestionConfig
from streams.errors import ConfigError
from streams.settings.autonomy_sections import (
    ActionSection,
    EffectsSection,
    LearningSection,
    PlanningSection,
    SafetySection,
    SettingSection,
)
from streams.settings.core_parts import core_part, effects_part, setting_part
from streams.settings.sections import (
    EMBEDDED,
    CalendarSection,
    Count,
    ForecastingSection,
    GoalsSection,
    KafkaSection,
    LoggingSection,
    MetricSection,
    PatternsSection,
    RegistrySection,
    StatesSection,
    SuggestionsSection,
    TopicsSection,
    WebSection,
    WorkerSection,
    checked_zone,
)

ENV_PREFIX = "GOALSTREAM_"
ENV_DELIMITER = "__"


class Settings(BaseSettings):
    """Everything that can be set. Building it directly reads neither file nor environment."""

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
    forecasting: ForecastingSection = ForecastingSection()
    calendar: CalendarSection = CalendarSection()
    states: StatesSection = StatesSection()
    patterns: PatternsSection = PatternsSection()
    goals: GoalsSection = GoalsSection()
    setting: SettingSection = SettingSection()
    actions: dict[str, ActionSection] = {}
    planning: PlanningSection = PlanningSection()
    safety: SafetySection = SafetySection()
    learning: LearningSection = LearningSection()
    effects: EffectsSection = EffectsSection()
    suggestions: SuggestionsSection = SuggestionsSection()
    metrics: dict[str, MetricSection] = {}
    aliases: dict[str, str] = {}
    time_zone: Annotated[str, AfterValidator(checked_zone)] = "UTC"
    """IANA name of the zone in which hours of the day and weekdays of patterns are counted."""
    duration_metric: str = Field(default="", max_length=200, pattern=r"^[^\x00-\x1f]*$")
    """Metric that gets the run time of each action, in ms; empty for none."""
    outcomes_kept: Count = CoreConfig().outcomes_kept
    ids_kept: Count = CoreConfig().ids_kept

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
        known = catalogue or {}
        return CoreConfig(
            forecasting=core_part(ForecastConfig(), "forecasting", self.forecasting),
            states=core_part(StateConfig(), "states", self.states),
            patterns=core_part(PatternConfig(), "patterns", self.patterns),
            calendar=CalendarConfig(
                self.calendar.country, self.calendar.subdivision, self.time_zone
            ),
            zone=UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone),
            goals=core_part(GoalConfig(), "goals", self.goals),
            setting=setting_part(self.setting),
            actions=dict(known)
            | {
                name: core_part(known.get(name, ActionSpec()), f"actions.{name}", section)
                for name, section in self.actions.items()
            },
            planning=core_part(PlanningConfig(), "planning", self.planning),
            safety=core_part(SafetyConfig(), "safety", self.safety),
            learning=core_part(LearningConfig(), "learning", self.learning),
            effects=effects_part(self.effects),
            suggestions=core_part(SuggestionConfig(), "suggestions", self.suggestions),
            metrics=dict(RESOURCES)
            | {
                name: core_part(RESOURCES.get(name, MetricConfig()), f"metrics.{name}", section)
                for name, section in self.metrics.items()
            },
            aliases=dict(self.aliases),
            duration_metric=self.duration_metric,
            outcomes_kept=self.outcomes_kept,
            ids_kept=self.ids_kept,
        )

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
