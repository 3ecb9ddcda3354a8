"""What the entities of the fixture measure, what people say, and what an agent answers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from streams.core.outcomes.build import HandlerResult, outcome_for
from streams.records import (
    Action,
    Command,
    Direction,
    Event,
    Goal,
    GoalType,
    Metric,
    OutcomeStatus,
    Plan,
    PlanStatus,
    Priority,
    Record,
)

START = 1_765_152_000_000
"""Monday, 8 December 2025, midnight UTC."""
STEP_MS = 300_000
STEPS = 400
"""Until the state is stored."""
SILENT_STEPS = 20
"""Before that, the agent leaves the last step of web-1's plans unanswered."""
EVERYBODY = "*"
_Said = tuple[str, str, str, dict[str, str]]
_COMMANDS: dict[int, _Said] = {
    3: (EVERYBODY, "mode.set", "", {"goal_type": "cost_reduction", "mode": "recommend"}),
    4: ("api-1", "mode.set", "", {"mode": "approve"}),
    30: (EVERYBODY, "agent.kill", "", {"reason": "drill"}),
    31: (EVERYBODY, "agent.release", "", {}),
    32: (EVERYBODY, "mode.set", "", {"loop": "nightly", "mode": "observe"}),
    60: ("cache-1", "agent.kill", "", {"reason": "disk is replaced"}),
    70: ("db-1", "goal.cancel", "queue-short", {"reason": "no more"}),
    STEPS + 2: ("cache-1", "agent.kill", "", {"reason": "again"}),
    STEPS + 6: (EVERYBODY, "mode.set", "", {"loop": "nightly", "mode": "default"}),
    STEPS + 8: ("cache-1", "agent.release", "", {}),
}
"""Step to entity, command, target and arguments."""


class Step(NamedTuple):
    """Records of one topic that were written at once."""

    topic: str
    records: Sequence[Record]


class World:
    """What entities measure, people say and the agent answers. Seeded."""

    def __init__(self) -> None:
        self._random = random.Random(10)
        self._level = {"web-1": 40.0, "web-3": 35.0, "api-1": 42.0, "cache-1": 50.0}
        self._load = 50.0
        self._queue = 30.0
        self._asked: list[Action] = []
        self._plans: dict[str, Plan] = {}

    def see(self, record: Record) -> None:
        """Take note of what the engine asks for."""
        if isinstance(record, Action):
            self._asked.append(record)
        elif isinstance(record, Plan):
            self._plans[record.plan_id] = record

    def live(self, step: int) -> Iterator[Step]:
        """What arrives at a step: metrics last."""
        now = START + step * STEP_MS
        for topic, records in (
            ("outcomes", self._answers(step, now)),
            ("commands", [*self._commands(step, now)]),
            ("goals", [*_goals(step, now)]),
            ("events", [*_events(step, now)]),
            ("metrics", [*self._metrics(step, now)]),
        ):
            if records:
                yield Step(topic, records)

    def _answers(self, step: int, now: int) -> list[Record]:
        silent = STEPS - SILENT_STEPS < step < STEPS
        kept = [action for action in self._asked if silent and _is_left_open(action)]
        answered = [action for action in self._asked if action not in kept]
        self._asked = kept
        return [self._outcome(action, now) for action in answered]

    def _outcome(self, action: Action, now: int) -> Record:
        fails = action.action_type == "shed" and self._random.random() < 0.2
        if not fails and action.action_type in ("shed", "compact"):
            self._level[action.entity_id] -= 28.0
        result = HandlerResult(
            status=OutcomeStatus.FAILURE if fails else OutcomeStatus.SUCCESS,
            output=None if fails else '"done"',
            error_type="Refused" if fails else None,
            error_message="not now" if fails else None,
        )
        return outcome_for(
            action,
            result,
            start_time=now,
            end_time=now + 1_500,
            duration_ms=1_500.0,
            agent_name="operator",
            agent_type="worker",
            run_id=action.plan_id,
        )

    def _commands(self, step: int, now: int) -> Iterator[Record]:
        if step in _COMMANDS:
            entity, name, target, arguments = _COMMANDS[step]
            id_ = (
                "agent.kill-60" if step == STEPS + 2 else f"{name}-{step}"
            )  # a known id is dropped
            yield _command(id_, entity, now, name, target, arguments)
        # Nobody looks any more before the state is stored, so some plans wait.
        if (step < STEPS - 24 and step % 12 == 7) or step == STEPS + 4:
            for plan in self._plans.values():
                if plan.status is PlanStatus.WAITING:
                    yes = f"yes-{plan.plan_id}"
                    yield _command(yes, plan.entity_id, now, "plan.approve", plan.plan_id, {})

    def _metrics(self, step: int, now: int) -> Iterator[Record]:
        noise = self._random.gauss
        day = math.sin(2 * math.pi * step / 288)
        for entity, climb in (("web-1", 0.9), ("web-3", 0.7), ("api-1", 0.8), ("cache-1", 0.3)):
            level = self._level[entity] = min(97.0, self._level[entity] + climb)
            name = "memory" if entity == "api-1" else "cpu"
            yield _metric(entity, now, name, max(2.0, level + noise(0, 1.2)))
        load, self._load = self._load, 50 + 20 * day + noise(0, 9)
        yield _metric("db-1", now, "load", self._load)
        yield _metric("db-1", now, "latency", 20 + 0.8 * load + noise(0, 2))  # a step behind
        if step % 2 == 0:
            queue = max(0.0, 30 - 0.05 * step + noise(0, 1))
            if step != STEPS:  # a value that changes nothing: no progress may be told again
                self._queue = queue
            yield _metric("db-1", now, "queue", self._queue)
            rush = 250 if STEPS - 12 <= step < STEPS else 0  # needs that are held for a while
            yield _metric("db-2", now, "requests", 240 + 90 * day + rush + noise(0, 8))
            yield _metric("db-2", now, "units", 2.0 + (step > 120))
        if step % 97 == 96:
            yield _metric("db-2", now, "requests", 900.0)


def _metric(entity: str, now: int, name: str, value: float) -> Metric:
    return Metric(
        entity_id=entity,
        timestamp=now,
        correlation_id=f"{entity}-{name}-{now}",
        name=name,
        value=round(value, 2),
    )


def _command(
    id_: str, entity: str, now: int, name: str, target: str, arguments: dict[str, str]
) -> Command:
    return Command(
        entity_id=entity,
        timestamp=now,
        correlation_id=id_,
        command_id=id_,
        command=name,
        target=target,
        arguments=arguments,
        issued_by="alice",
    )


def _is_left_open(action: Action) -> bool:
    return action.entity_id == "web-1" and action.action_type == "shed"


def _goals(step: int, now: int) -> Iterator[Record]:
    """What users ask for."""
    urgent: dict[str, Any] = {"priority": Priority.CRITICAL, "actions": ("drain", "shed")}
    compact: dict[str, Any] = {"priority": Priority.CRITICAL, "actions": ("compact",)}
    match step:
        case 20:
            yield _goal("db-1", now, "queue-short", "queue", 1)
            yield _goal("db-1", now, "queue-half", "queue", 15, hold_ms=1_800_000)
            yield _goal("cache-1", now, "cool", "cpu", 30)
        case 75:
            yield _goal("db-1", now, "queue-empty", "queue", 0.5, deadline=now + 200_000_000)
        case 150:
            yield _goal("db-2", now, "save", "requests", 100, goal_type=GoalType.COST_REDUCTION)
        case _ if step == STEPS - 15:
            yield _goal("web-3", now, "idle", "cpu", 25, **urgent)
        case _ if step == STEPS - 6:
            yield _goal("api-1", now, "lean", "memory", 20, **compact)
        case _ if step == STEPS - 3:
            yield _goal("web-1", now, "idle", "cpu", 20, **urgent)
        case _ if step == STEPS - 2:
            unreadable = {"resource_requirements": "lots"}  # so nothing can be planned for it
            compact |= {"direction": Direction.REACH, "metadata": unreadable}
            yield _goal("db-1", now, "odd", "queue", 0, **compact)
        case _ if step == STEPS - 1:
            yield _goal("web-1", now, "exact", "cpu", 30, **urgent | {"direction": Direction.REACH})
        case _ if step == STEPS + 3:
            yield _goal("db-1", now, "queue-none", "queue", 0)
        case _:
            pass


def _goal(entity: str, now: int, id_: str, metric: str, target: float, **fields: Any) -> Goal:
    """One of direction at_most unless ``fields`` say otherwise."""
    fields = {"direction": Direction.AT_MOST, "correlation_id": id_} | fields
    return Goal(
        entity_id=entity, timestamp=now, goal_id=id_, target_metric=metric, target_value=target,
        **fields,
    )  # fmt: skip


def _events(step: int, now: int) -> Iterator[Record]:
    """A backup every two hours, a deployment with what follows it, and one event told twice."""
    if step % 24 == 0:
        yield _event(f"backup-{step}", now, "backup_started", user="cron")
    if step % 30 in (10, 11):
        what = "deployed" if step % 30 == 10 else "cache_cleared"
        yield _event(f"{what}-{step}", now + 60_000, what, user="bob")
        yield _event(f"warm-{step}", now + 120_000, "warmed_up", user="bob")
    if step == STEPS + 1:  # told before
        yield _event("backup-384", now, "backup_started", user="cron")


def _event(id_: str, now: int, kind: str, user: str) -> Event:
    return Event(
        entity_id="db-1", timestamp=now, correlation_id=id_, event_id=id_, event_type=kind,
        source="scheduler", metadata={"user": user},
    )  # fmt: skip
