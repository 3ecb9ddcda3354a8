"""A worker, the metric of one entity that climbs, and what has come of it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from streams.records import Command, Metric, Record
from streams.wire.keys import key_of
from tests.kits.kafka import plan_handlers
from tests.kits.kafka.deployment import PARTITIONS, Deployment, WorkerProcess, until
from tests.kits.kafka.stage import Stage
from tests.kits.kafka.verifier import decoded

ENTITY = "web-1"
METRIC = "cpu_usage"
MINUTE_MS = 60_000
_CALM_VALUES = 20
"""Values of a ramp in which nothing shows yet."""
_MOST_VALUES = 60
"""A ramp has passed the capacity by then."""

_R = TypeVar("_R", bound=Record)


def autonomy_sections(file: Path) -> dict[str, dict[str, object]]:
    """Settings under which a plan of two steps, drain and shed, runs by itself.

    The steps' handlers write to ``file``. A plan begins with the value after that which it was made
    for. It goes on, and is repeated, a second after it may: a tick brings that about.
    """
    return {
        "worker": {"handlers": [plan_handlers.__name__], "tick_seconds": 0.1},
        "forecasting": {"interval_seconds": 60},
        "goals": {"hold_seconds": 300, "lead_seconds": 0},
        "metrics.cpu_usage": {"capacity": 100, "target_ratio": 0.6},
        "setting.types.resource_optimization": {"enabled": False},
        "planning": {
            "action_delay_seconds": 1,
            "adaptive_delay_seconds": 60,
            "cooldown_seconds": 1,
        },
        "actions.drain": {"provides": ["drained"], "unattended": True},
        "actions.drain.params": {"file": str(file)},
        "actions.shed": {"metrics": [METRIC], "requires": ["drained"], "unattended": True},
        "actions.shed.params": {"file": str(file)},
        "actions.shed.effect": {METRIC: -30},
        "safety": {"mode": "act", "cooldown_seconds": 0},
        "effects": {"settle_seconds": 180},
    }


def climbing(minute: int) -> float:
    """A load that passes 95 % of a capacity of 100 after some 37 minutes."""
    return 40 + 1.5 * minute + 0.4 * math.sin(1.7 * minute)


class Scene(Stage):
    """One entity. A value a minute of event time, which begins at the wall's, so that the deadlines
    of actions lie ahead."""

    def __init__(self, deployment: Deployment, worker: WorkerProcess) -> None:
        super().__init__(deployment, worker)
        self.start = time.time_ns() // 1_000_000
        self.minute = -1
        """Of the newest value."""
        self._commands = 0

    @property
    def now(self) -> int:
        """Event time of the newest value, ms."""
        return self.start + max(0, self.minute) * MINUTE_MS

    # -- what happens -----------------------------------------------------------------------------

    def measure(self, *values: float) -> None:
        """The values of the next minutes, each under a correlation id of its own."""
        for value in values:
            self.minute += 1
            metric = Metric(
                entity_id=ENTITY,
                timestamp=self.now,
                name=METRIC,
                value=value,
                correlation_id=f"m-{self.minute}",
            )
            self.send("metrics", metric)
        self.settle()

    def climb(self) -> None:
        """One more value of the ramp."""
        self.measure(climbing(self.minute + 1))

    def ramp(self, table: str = "goals") -> None:
        """Climb until the table has a row for the entity."""
        self.measure(*map(climbing, range(_CALM_VALUES)))
        while not self.rows(table):
            assert self.minute < _MOST_VALUES, f"nothing in {table}: {self.worker.tail()}"
            self.climb()

    def command(self, name: str, target: str = "", *, by: str = "", **arguments: str) -> None:
        """Tell the entity something."""
        self.send("commands", self._command(name, ENTITY, target, by, arguments))
        self.settle()

    def tell_everybody(self, name: str, *, by: str = "", **arguments: str) -> None:
        """One record to each partition."""
        command = self._command(name, "*", "", by, arguments)
        value = self.deployment.encode("commands", command)
        for number in range(PARTITIONS):
            self.write("commands", key_of(command), value, number)
        self.settle()

    def _command(
        self, name: str, entity: str, target: str, by: str, arguments: dict[str, str]
    ) -> Command:
        self._commands += 1
        return Command(
            entity_id=entity,
            timestamp=self.now,
            correlation_id=f"c-{self._commands}",
            command_id=f"command-{self._commands}",
            command=name,
            target=target,
            arguments=arguments,
            issued_by=by,
        )

    # -- what is seen -----------------------------------------------------------------------------

    def rows(self, table: str) -> list[Any]:
        """What a view shows of the entity."""
        page = self.table(table)
        return [row for key, row in page.items() if key.partition("/")[0] == ENTITY]

    def row(self, table: str, *key: str) -> dict[str, Any]:
        """One row by the rest of its key."""
        path = "/".join(quote(part, safe="") for part in (ENTITY, *key))
        return self.get(f"/tables/{table}/{path}")["value"]

    def goal(self) -> dict[str, Any]:
        """The only goal of the entity."""
        [goal] = self.rows("goals")
        return goal

    def plans(self) -> list[dict[str, Any]]:
        """The first attempt first."""
        return sorted(self.rows("plans"), key=lambda plan: plan["attempt"])

    def await_plan(self, status: str, attempt: int = 1) -> dict[str, Any]:
        """The plan of an attempt once it is in this state."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            self.worker.require_running()
            found[:] = [
                plan
                for plan in self.plans()
                if (plan["attempt"], plan["status"]) == (attempt, status)
            ]
            return bool(found)

        try:
            until(there, f"plan {attempt} {status}")
        except AssertionError as error:
            error.add_note(f"plans: {self.plans()}")
            raise
        self.settle()
        return found[0]

    def records(self, logical: str, kind: type[_R]) -> list[_R]:
        """Everything on a topic."""
        found = (record for _, record in decoded(self.deployment, logical))
        return [record for record in found if isinstance(record, kind)]
