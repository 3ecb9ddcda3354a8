"""What the demo replays: five recorded series, the resources behind them and their limits.

The limits are settings like any user's; which of them are in danger, and when, is found by the
engine in the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streams.core.ids import stable_id
from streams.records import Direction, Goal, Priority
from streams.settings import EMBEDDED, Settings

APP_ID = "goalstream-demo"
ORIGIN = datetime(2014, 2, 14, tzinfo=UTC)
"""Every series is moved by whole weeks until it begins nearest to this Friday."""
DAYS = 14
"""Days after ORIGIN that are replayed."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Resource:
    """A series, and what the demo may do about it."""

    entity_id: str
    entity_type: str
    metric: str
    file: str
    """Recorded series under ``examples/data``: a column of times and one of values."""
    unit_name: str
    """What the load spreads over."""
    units: int
    """How many of them there were when the series was recorded."""
    capacity: float
    limit_ratio: float
    target_ratio: float
    unit: str = ""
    floor: float = 0.0
    """Part of the value that no further unit takes away, such as the temperature of the room."""
    since: datetime | None = None
    """Rows before this recorded moment are left out."""

    @property
    def target(self) -> float:
        return self.capacity * self.target_ratio

    @property
    def limit(self) -> float:
        return self.capacity * self.limit_ratio


RESOURCES = (
    Resource(
        "web",
        "service",
        "cpu_utilization",
        "ec2_cpu_utilization_5f5533.csv",
        "instances",
        units=4,
        capacity=100.0,
        # Half of the instances may fail, and the others still carry the load.
        limit_ratio=0.55,
        target_ratio=0.5,
        unit="%",
    ),
    Resource(
        "orders-db",
        "database",
        "db_cpu_utilization",
        "rds_cpu_utilization_cc0c53.csv",
        "replicas",
        units=2,
        # A small burstable class: 20 % for long, more only for a while.
        capacity=20.0,
        limit_ratio=0.75,
        target_ratio=0.6,
        unit="%",
    ),
    Resource(
        "balancer",
        "service",
        "request_count",
        "elb_request_count_8c0756.csv",
        "nodes",
        units=3,
        capacity=300.0,
        limit_ratio=0.95,
        target_ratio=0.8,
        unit="per 5 min",
    ),
    Resource(
        "press",
        "machine",
        "temperature",
        "machine_temperature_system_failure.csv",
        "coolers",
        units=4,
        capacity=105.0,
        limit_ratio=0.95,
        target_ratio=0.9,
        unit="°F",
        floor=70.0,
        since=datetime(2014, 2, 7, tzinfo=UTC),
    ),
    Resource(
        "ticker",
        "workflow",
        "mentions",
        "Twitter_volume_AAPL.csv",
        "readers",
        units=2,
        capacity=500.0,
        limit_ratio=0.95,
        target_ratio=0.8,
        unit="per 5 min",
    ),
)


def demo_settings(given: Settings) -> Settings:
    """Settings of the demo; where the views listen and what is logged is as ``given``."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap": EMBEDDED},
            "worker": {"app_id": APP_ID, "checkpoint_seconds": 0.5},
            "web": given.web,
            "logging": given.logging,
            "forecasting": {
                "horizon": 72,  # 6 h of 5-minute steps
            },
            "goals": {"lead_seconds": 0, "hold_seconds": 12 * 3600},
            "metrics": {
                resource.metric: {
                    "capacity": resource.capacity,
                    "limit_ratio": resource.limit_ratio,
                    "target_ratio": resource.target_ratio,
                    "unit": resource.unit,
                }
                for resource in RESOURCES
            },
        }
    )


def user_goal(now: int) -> Goal:
    """What a person asks for, besides what the engine sees coming: ``now`` in event time, ms."""
    web = RESOURCES[0]
    return Goal(
        entity_id=web.entity_id,
        entity_type=web.entity_type,
        timestamp=now,
        goal_id=stable_id("demo", "goal", web.entity_id),
        correlation_id=stable_id("demo", "request", web.entity_id),
        description="leave room for the release on Monday",
        priority=Priority.HIGH,
        target_metric=web.metric,
        target_value=42.0,
        unit=web.unit,
        direction=Direction.AT_MOST,
        hold_ms=12 * HOUR_MS,
        deadline=now + int(timedelta(days=4).total_seconds()) * 1000,
    )
