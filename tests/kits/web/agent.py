"""A worker whose tables are filled by hand, and which applies commands to its controls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from starlette.types import ASGIApp

from streams.core.goals.report import AchievementReport
from streams.core.learning.insights import Insights
from streams.core.safety.commands import set_mode, set_running
from streams.core.safety.modes import Controls
from streams.records import Command, Goal, GoalStatus, Plan, PlanStatus, PlanStep, Strategy
from streams.runtime.results import Result
from streams.web import TableInfo
from tests.kits.web.group import TOKEN, Group
from tests.kits.web.memory import COUNT, MemorySource

API = "/api/autonomous"
NOW = 1_790_000_000_000
FAR = 4_000_000_000_000
"""A moment that has not come yet, whenever the tests run."""
AGENT_TABLES = tuple(
    TableInfo(name, name, key)
    for name, key in {
        "goals": "entity/goal id",
        "plans": "entity/plan id",
        "predictions": "entity/metric",
        "patterns": "entity/pattern id",
        "metric_state": "entity/metric",
        "states": "entity",
        "knowledge": "entity",
        "learning": "entity",
        "autonomy": "entity",
        "achievements": "entity",
        "control": "partition",
    }.items()
)


@dataclass
class AgentSource(MemorySource):
    known: Any = AGENT_TABLES
    controls: Controls = field(default_factory=Controls)

    def __post_init__(self) -> None:
        self.apply()

    def entity_of(self, table: str, key: str) -> str | None:
        if table == "control":
            return None
        return key.partition("/")[0].replace("%2F", "/").replace("%25", "%")

    def apply(self) -> None:
        """Do what the commands on the topic say of the controls of every partition."""
        controls = self.controls
        for command in self.written("commands", Command):
            assert isinstance(command, Command)
            by, now = command.issued_by, command.timestamp
            if command.command == "mode.set":
                controls = set_mode(controls, command.arguments, by=by, now=now)
            elif command.command in ("agent.start", "agent.stop"):
                running = command.command == "agent.start"
                controls = set_running(controls, running, by=by, now=now)
        for number in range(COUNT):
            self.control(number, controls)

    def control(self, number: int, controls: Controls) -> None:
        entity = "x" * (number or COUNT)
        self.put("control", str(number), msgspec.to_builtins(controls), entity=entity)

    def commands(self) -> list[Command]:
        return [one for one in self.written("commands", Command) if isinstance(one, Command)]

    def goals(self) -> list[Goal]:
        return [one for one in self.written("goals", Goal) if isinstance(one, Goal)]

    def add(self, table: str, key: str, row: object) -> None:
        self.put(table, key, msgspec.to_builtins(row))

    def add_goal(self, goal_id: str, entity: str = "shop", **fields: Any) -> Goal:
        made = goal(goal_id, entity, **fields)
        self.add("goals", f"{entity}/{goal_id}", made)
        return made

    def add_plan(self, plan_id: str, entity: str = "shop", **fields: Any) -> Plan:
        made = plan(plan_id, entity, **fields)
        self.add("plans", f"{entity}/{plan_id}", made)
        return made

    def add_counters(self, entity: str = "shop", **counters: int) -> None:
        self.add("autonomy", entity, {"counters": counters})

    def add_insights(self, entity: str = "shop", **fields: Any) -> None:
        self.add("learning", entity, Insights(enabled=True, **fields))

    def add_achievements(self, entity: str = "shop", *, total: int, achieved: int) -> None:
        report = AchievementReport(
            total_goals=total,
            achieved_goals=achieved,
            closed_goals=achieved,
            active_goals=total - achieved,
            achievement_rate=achieved / total,
            recent_achievements=(),
        )
        self.add("achievements", entity, report)


@dataclass
class Telling(AgentSource):
    """Has handled what ``told`` says."""

    told: dict[tuple[str, int, int], Result] = field(default_factory=dict)
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    async def result(
        self, logical: str, partition: int, offset: int, seconds: float
    ) -> Result | None:
        self.asked.append((logical, partition, offset))
        return self.told.get((logical, partition, offset))


def operator(source: MemorySource, *, token: str | None = TOKEN) -> httpx.AsyncClient:
    """A person with the token, at a worker that has one; nothing waits for an effect."""
    web = Group(token=token).add("localhost", source)
    web.headers["Prefer"] = "respond-async"
    if token:
        web.headers["Authorization"] = f"Bearer {token}"
    return web


async def live_lines(app: ASGIApp, query: bytes, count: int) -> list[Mapping[str, Any]]:
    """The first ``count`` lines of the live view, after each of which the reader is asked on."""
    seen: list[Mapping[str, Any]] = []
    enough = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message.get("body"):
            seen.append(msgspec.json.decode(message["body"].removeprefix(b"data: ")))
            if len(seen) == count:
                enough.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{API}/live",
        "raw_path": f"{API}/live".encode(),
        "query_string": query,
        "headers": [(b"host", b"localhost")],
        "server": ("127.0.0.1", 5003),
        "http_version": "1.1",
        "scheme": "http",
    }
    await app(scope, receive, send)
    return seen


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["field"]


def goal(goal_id: str, entity: str = "shop", **fields: Any) -> Goal:
    base: dict[str, Any] = {
        "entity_id": entity,
        "timestamp": NOW,
        "goal_id": goal_id,
        "target_metric": "load",
        "target_value": 0.5,
        "status": GoalStatus.ACTIVE,
        "revision": 1,
    }
    return Goal(**(base | fields))


def plan(plan_id: str, entity: str = "shop", **fields: Any) -> Plan:
    base: dict[str, Any] = {
        "entity_id": entity,
        "timestamp": NOW,
        "plan_id": plan_id,
        "goal_id": "g1",
        "strategy": Strategy.IMMEDIATE,
        "scheduled_time": NOW,
        "status": PlanStatus.SCHEDULED,
        "actions": (PlanStep("scale_out"),),
        "revision": 1,
    }
    return Plan(**(base | fields))
