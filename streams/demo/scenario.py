"""What the demo replays: five recorded series, the resources behind them and their limits.

The limits are settings like any user's; which of them are in danger, and when, is found by the
engine in the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streams.core.kernel.ids import stable_id
from streams.records import Direction, Goal, Priority
from streams.settings import EMBEDDED, Settings

APP_ID = "goalstream-demo"
ORIGIN = datetime(2014, 2, 14, tzinfo=UTC)
"""Every series is moved by whole weeks until it begins nearest to this Friday."""
DAYS = 14
"""Days after ORIGIN that are replayed."""
HOUR_MS = 3_600_000
HORIZON_STEPS = 72
"""6 h of 5-minute steps."""
DEMAND_EVERY_MS = HOUR_MS // 4
"""Event time between two values of a demand and of its units."""
MOST = 4
"""A resource grows to this many times its units."""
LEASE_SECONDS = 15.0
"""Time of the wall that an action may take."""

SPARE = 0.9
"""Units are given back when the others then stay below this share of the target."""

ADD_UNIT = "add_unit"
ADD_HALF = "add_half"
DRAIN = "drain"
SCALE_IN = "scale_in"


@dataclass(frozen=True, slots=True)
class Resource:
    """A series, and what the demo may do about it."""

    entity_id: str
    entity_type: str
    metric: str
    file: str
    """Recorded series under ``examples/data``: a column of times and one of values."""
    unit_name: str
    """What the load spreads over; also the metric that says how many there are."""
    demand: str
    """Metric of the load of all units together."""
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

    @property
    def comfort(self) -> float:
        """Value up to which units may be given back: well below the target."""
        return self.floor + SPARE * (self.target - self.floor)

    def load(self, recorded: float) -> float:
        """What all units together carried when ``recorded`` was measured."""
        return (recorded - self.floor) * self.units


RESOURCES = (
    Resource(
        "web",
        "service",
        "cpu_utilization",
        "ec2_cpu_utilization_5f5533.csv",
        "instances",
        "cpu_demand",
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
        "db_cpu_demand",
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
        "requests",
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
        "heat",
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
        "all_mentions",
        units=2,
        capacity=500.0,
        limit_ratio=0.95,
        target_ratio=0.8,
        unit="per 5 min",
    ),
)


def demo_settings(given: Settings, seconds: float) -> Settings:
    """Settings of the demo; where the views listen and what is logged is as ``given``.

    The replay takes ``seconds``. All times of the engine are event time.
    """
    return Settings.model_validate(
        {
            "kafka": {"bootstrap": EMBEDDED},
            "time": {"decisions": "event"},
            "worker": {"app_id": APP_ID, "checkpoint_seconds": 0.5, "tick_seconds": 0.25},
            "web": given.web,
            "logging": given.logging,
            "forecasting": {"horizon": HORIZON_STEPS},
            "goals": {"lead_seconds": 0, "hold_seconds": 12 * 3600},
            "metrics": {name: about for each in RESOURCES for name, about in _metrics(each)},
            "actions": {
                name: {"unattended": True} for name in (ADD_UNIT, ADD_HALF, DRAIN, SCALE_IN)
            },
            "safety": {
                "mode": "act",
                "cooldown_seconds": 4 * 3600,
                "max_step_change": 0.75,
            },
            "planning": {
                "lease_seconds": LEASE_SECONDS * DAYS * 86_400 / seconds,
                "cooldown_seconds": 4 * 3600,
                "action_delay_seconds": 0,
                "adaptive_delay_seconds": 0,
            },
            "effects": {
                "settle_seconds": 2 * 3600,
                "settle_by_metric": {each.unit_name: 1800 for each in RESOURCES},
                "patience_seconds": 12 * 3600,
                "path_steps": HORIZON_STEPS,
            },
            "setting": {
                "scaling": {each.demand: _scaling(each) for each in RESOURCES},
                # What keeps a limit is the goal of a predicted breach; scaling gives back.
                "types": {
                    "capacity_planning": {"enabled": False},
                    "resource_optimization": {"enabled": False},
                },
            },
        }
    )


def _metrics(resource: Resource) -> Iterator[tuple[str, dict[str, object]]]:
    yield (
        resource.metric,
        {
            "capacity": resource.capacity,
            "limit_ratio": resource.limit_ratio,
            "target_ratio": resource.target_ratio,
            "unit": resource.unit,
        },
    )
    # Neither many nor few units are a breach.
    yield resource.unit_name, {"capacity": resource.units * MOST, "direction": "reach"}


def _scaling(resource: Resource) -> dict[str, object]:
    return {
        "capacity_metric": resource.unit_name,
        "unit_capacity": resource.capacity - resource.floor,
        "utilisation": (resource.comfort - resource.floor) / (resource.capacity - resource.floor),
        "lookahead": 6 * HOUR_MS // DEMAND_EVERY_MS,
        # A breach is expected where one of 72 steps probably passes the limit: so far up is looked.
        "caution": 2.5,
        "hold": 6,
        "min_units": resource.units,
        "max_units": resource.units * MOST,
    }


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
