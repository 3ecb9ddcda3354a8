"""A core whose actions are carried out, as the dispatcher does it, and that hears time pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.timers import TICK
from streams.core.metric.config import MetricConfig
from streams.core.outcomes.build import HandlerResult, outcome_for
from streams.core.partition import METRICS
from streams.core.planning.config import ActionSpec
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import (
    Action,
    Decision,
    Direction,
    Goal,
    Outcome,
    OutcomeStatus,
    Plan,
    Priority,
    Record,
)
from tests.kits.core.partition import START, Bench, Seen, command, goal, metric

MINUTE = 60_000
HOUR = 60 * MINUTE
REPEAT_MS = MINUTE
CPU = MetricConfig(capacity=100.0, unit="%")
SCALE_OUT = ActionSpec(metrics=("cpu",), effect={"cpu": -20.0}, unattended=True)

Handler = Callable[[Action], HandlerResult | None]
"""What a handler does with an action; None while its outcome is not there yet."""


def config_of(**fields: Any) -> CoreConfig:
    """One metric with a capacity, one action that lowers it, and leave to act."""
    base: dict[str, Any] = {
        "forecasting": ForecastConfig(models=("holt_winters",), horizon=12),
        "metrics": {"cpu": CPU, "queue": MetricConfig()},
        "actions": {"scale_out": SCALE_OUT},
        "safety": SafetyConfig(mode=Mode.ACT),
    }
    return CoreConfig(**(base | fields))


def done(_: Action) -> HandlerResult:
    return HandlerResult(status=OutcomeStatus.SUCCESS)


def failed(_: Action) -> HandlerResult:
    return HandlerResult(status=OutcomeStatus.FAILURE, error_type="Boom", error_message="no")


def silent(_: Action) -> None:
    """Takes the action, and never says what became of it."""


def urgent(target: float = 60.0, **fields: Any) -> Goal:
    """A goal of a user that is planned for at once."""
    base: dict[str, Any] = {
        "target_metric": "cpu",
        "direction": Direction.AT_MOST,
        "priority": Priority.CRITICAL,
        "actions": ("scale_out",),
    }
    return goal(target, **(base | fields))


class Loop:
    """Everything that the core of one partition emits for itself comes back to it at once."""

    def __init__(self, config: CoreConfig | None = None, handler: Handler = done) -> None:
        self.bench = Bench(config or config_of())
        self.handler = handler
        self.now = START
        self.seen = Seen()
        self.asked: list[Action] = []
        """Actions in the order in which they were dispatched."""
        self.log: list[tuple[str, Record]] = []
        """Records in the order in which they were applied or emitted, with their topic."""
        self._ids = itertools.count()
        self._told: dict[str, tuple[int, int]] = {}
        """Entity to the moment that it was last told of, and when that was."""

    # -- what comes in ------------------------------------------------------------------------

    def send(self, source: str, *records: Record) -> Seen:
        """Apply records, and then all that comes of them."""
        seen = self._apply(source, *records)
        asked = [e.record for e in seen.emissions if e.topic == "actions"]
        for action in asked:
            assert isinstance(action, Action)
            self._carry_out(seen, action)
        return seen

    def measure(self, value: float, *, at: int | None = None, **fields: Any) -> Seen:
        """A value of cpu, now; time passes up to ``at`` first."""
        self.advance(self.now if at is None else at)
        return self.send(
            METRICS, metric(value, **({"name": "cpu", "timestamp": self.now} | fields))
        )

    def series(self, values: Iterable[float], step: int, **fields: Any) -> None:
        """Values of cpu, the first one a step from now."""
        for value in values:
            self.measure(value, at=self.now + step, **fields)

    def ask(self, wanted: Goal) -> Seen:
        """A goal of a user, now."""
        return self.send("goals", replace(wanted, timestamp=self.now))

    def command(self, name: str, target: str = "", by: str = "ann", **fields: Any) -> Seen:
        """A command of a person, now."""
        made = command(
            name,
            f"c-{next(self._ids)}",
            **({"timestamp": self.now, "target": target, "issued_by": by} | fields),
        )
        return self.send("commands", made)

    def everybody(self, name: str, **arguments: str) -> Seen:
        """A command for all entities."""
        return self.command(name, entity_id=EVERYBODY, arguments=arguments)

    def settle(self, result: HandlerResult, action: Action) -> Seen:
        """An outcome that took its time."""
        return self.send("outcomes", self.outcome(action, result, self.now))

    # -- time ---------------------------------------------------------------------------------

    def advance(self, to: int) -> None:
        """Let time pass; whatever falls due in between is told, one entity at a time.

        As by the worker's ticker, the same moment is told again after a while only.
        """
        while (due := min(self._due(), default=None)) is not None and due[0] <= to:
            at, name = due
            self.now = max(self.now, at)
            wanted = self.bench.partition.timers[name].at
            self._told[name] = wanted, self.now
            tick = command(TICK, f"t-{next(self._ids)}", entity_id=name, timestamp=self.now)
            self.send("commands", tick)
        self.now = max(self.now, to)

    def _due(self) -> Iterator[tuple[int, str]]:
        for name, wake in self.bench.partition.timers.items():
            wanted, told = self._told.get(name, (None, 0))
            yield (told + REPEAT_MS if wanted == wake.at else wake.at), name

    def wait(self, ms: int) -> None:
        self.advance(self.now + ms)

    # -- what came out ------------------------------------------------------------------------

    def decisions(self, kind: str) -> list[Decision]:
        return [each for each in self.seen.records("decisions") if each.kind == kind]

    def plans(self, goal_id: str = "") -> list[Plan]:
        """Latest revision of each plan, in the order in which they were made."""
        latest: dict[str, Plan] = {}
        for plan in self.seen.records("plans"):
            before = latest.get(plan.plan_id)
            assert before is None or before.revision < plan.revision
            latest[plan.plan_id] = plan
        return [plan for plan in latest.values() if goal_id in ("", plan.goal_id)]

    def goal(self, goal_id: str = "g-1") -> Goal:
        found: Goal = self.bench.state().goals[goal_id]
        return found

    # -- inside -------------------------------------------------------------------------------

    def _apply(self, source: str, *records: Record) -> Seen:
        self.log += [(source, record) for record in records]
        seen = self.bench.send(source, *records)
        self.log += [(emission.topic, emission.record) for emission in seen.emissions]
        self._note(seen)
        return seen

    def _carry_out(self, seen: Seen, action: Action) -> None:
        accepted = self.bench.send("actions", action)
        self._note(accepted)
        seen.emissions += accepted.emissions
        for dispatched, _ in accepted.dispatches:
            assert dispatched == action.action_id
            self.asked.append(action)
            result = self.handler(action)
            if result is not None:
                seen.emissions += self.settle(result, action).emissions

    def _note(self, seen: Seen) -> None:
        self.seen.emissions += seen.emissions
        self.seen.dispatches += seen.dispatches
        self.seen.rejections += seen.rejections

    @staticmethod
    def outcome(action: Action, result: HandlerResult, now: int) -> Outcome:
        """What the dispatcher makes of a handler's result."""
        return outcome_for(
            action,
            result,
            start_time=now,
            end_time=now,
            duration_ms=1.0,
            agent_name="test",
            agent_type="worker",
            run_id=action.plan_id,
        )
