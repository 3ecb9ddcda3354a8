"""The autonomous cycle of one entity: plan, ask, carry out, measure, learn.

Runs after the handlers of each record of an entity, so it sees the state as of that record. What
falls due later is found again by its timer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from streams.core.analysis.state import Analyses
from streams.core.config import CoreConfig
from streams.core.cycle.choosing import Chooser
from streams.core.cycle.effect_measurement import EffectMeasurement
from streams.core.cycle.journal import let_go
from streams.core.cycle.permissions import Permissions
from streams.core.cycle.plan_runner import PlanRunner
from streams.core.cycle.planner import Planner, has_plan
from streams.core.cycle.summary import summary
from streams.core.execution.machine import ENDED, cancel
from streams.core.execution.state import Plans
from streams.core.execution.steps import wake_at
from streams.core.goals.book import GoalBook
from streams.core.goals.feature import REQUESTER
from streams.core.goals.report import report
from streams.core.goals.state import Goals
from streams.core.kernel.commands import Arguments, CommandSpec
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.journal import alert, decide
from streams.core.kernel.names import GOALS
from streams.core.kernel.turn import Turn
from streams.core.learning.insights import insights
from streams.core.learning.state import LearningState
from streams.core.outcomes.feature import Actions
from streams.core.safety.approval import ApprovalRefusal, approve, reject
from streams.records import (
    Command,
    Goal,
    GoalOrigin,
    Outcome,
    Plan,
    Priority,
    Record,
    Role,
    Severity,
)

RETRY_MS = 60_000
"""What is overdue and could not be done is looked at again after this long."""


class ExecuteArguments(Arguments, frozen=True):
    """How a plan is made, for whom and why."""

    by: str = ""
    reason: str = ""
    dry_run: bool = False
    """Only show the plan, with what is expected of it."""


class AnswerArguments(Arguments, frozen=True):
    """Who says so, and why."""

    by: str = ""
    reason: str = ""


class Cycle(Feature):
    """What is done about goals without anybody asking for it, as far as it is permitted."""

    name = "cycle"
    State = Plans

    def __init__(self, config: CoreConfig, book: GoalBook, permissions: Permissions) -> None:
        self._config = config
        chooser = Chooser(config)
        self._planner = Planner(config, permissions, chooser)
        self._runner = PlanRunner(config, permissions, chooser, book)
        self._measurement = EffectMeasurement(config, self._runner)

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Outcome: self._runner.on_outcome}

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (
            CommandSpec(
                "goal.execute",
                "plan for a goal now, whatever its cooldown says",
                ExecuteArguments,
                self._execute,
                target="goal id",
            ),
            _answered("plan.approve", "let a plan that waits begin", self._approve),
            _answered("plan.reject", "cancel a plan that waits", self._reject),
            CommandSpec(
                "plan.cancel",
                "let no further step of a plan begin",
                AnswerArguments,
                self._cancel_plan,
                target="plan id",
            ),
        )

    def views(self) -> Sequence[View]:
        return (
            View(
                "plans",
                "plans, open and lately ended",
                "entity/plan id",
                lambda entity: {plan.plan_id: plan for plan in entity.read(Plans).all()},
            ),
            View("learning", "what past actions teach", "entity", _rows(self._insights)),
            View(
                "autonomy", "budgets, breaker, approvals, counters", "entity", _rows(self._summary)
            ),
            View("achievements", "what became of goals", "entity", _rows(_report)),
        )

    def after(self, turn: Turn) -> None:
        """All that the record at hand has made due."""
        if turn.read(Goals).open() or turn.read(Plans).entries:
            self._announce(turn)
            self._measurement.run(turn)
            self._planner.run(turn)
            self._runner.run(turn)
        self._forget_closed(turn)

    def due_at(self, turn: Turn) -> int | None:
        """The next moment at which something may be due without a record."""
        earliest = min(self._moments(turn), default=None)
        if earliest is None or earliest > turn.now:
            return earliest
        return turn.now + RETRY_MS

    def _approve(self, turn: Turn, command: Command, arguments: AnswerArguments) -> None:
        self._answer(turn, command, arguments, agreed=True)

    def _reject(self, turn: Turn, command: Command, arguments: AnswerArguments) -> None:
        self._answer(turn, command, arguments, agreed=False)

    def _cancel_plan(self, turn: Turn, command: Command, arguments: AnswerArguments) -> None:
        plan = self._plan_of(turn, command)
        if plan is None:
            return
        if plan.status in ENDED:
            turn.reject("plan_ended", f"plan {plan.plan_id!r} is {plan.status.value} already")
            return
        who = arguments.by or command.issued_by
        reason = arguments.reason or f"cancelled by {who or 'request'}"
        self._runner.put(turn, plan, cancel(plan, turn.now, reason))

    def _execute(self, turn: Turn, command: Command, arguments: ExecuteArguments) -> None:
        goal = turn.read(Goals).get(command.target)
        if goal is None or not goal.status.is_open:
            turn.reject("unknown_goal", f"target is {command.target!r}; name an open goal")
            return
        if arguments.dry_run:
            self._planner.plan(turn, goal, dry_run=True)
            return
        if has_plan(turn.read(Plans), goal.goal_id):
            turn.reject("plan_exists", f"goal {goal.goal_id!r} has a plan; approve or cancel that")
            return
        self._planner.plan(turn, goal)

    def _answer(
        self, turn: Turn, command: Command, arguments: AnswerArguments, *, agreed: bool
    ) -> None:
        plan = self._plan_of(turn, command)
        if plan is None:
            return
        goal = turn.read(Goals).get(plan.goal_id)
        requester = "" if goal is None else goal.metadata.get(REQUESTER, "")
        who, reason = arguments.by or command.issued_by, arguments.reason
        if agreed:
            answer = approve(plan, who, turn.now, requester=requester)
        else:
            answer = reject(plan, who, turn.now, reason)
        if isinstance(answer, ApprovalRefusal):
            turn.reject(answer.reason.value, answer.text)
            return
        decide(
            turn,
            "approval" if agreed else "rejection",
            plan.plan_id,
            correlation_id=plan.correlation_id,
            chosen=plan.proposal,
            reason=reason,
            actor=who,
        )
        self._runner.put(turn, plan, answer)

    def _plan_of(self, turn: Turn, command: Command) -> Plan | None:
        plan = turn.read(Plans).get(command.target)
        if plan is None:
            turn.reject("unknown_plan", f"target is {command.target!r}; name a plan of the entity")
        return plan

    def _announce(self, turn: Turn) -> None:
        """Operators hear of critical goals that the engine has just set itself."""
        new = [
            emission.record
            for emission in turn.emissions
            if emission.topic == GOALS
            and isinstance(emission.record, Goal)
            and emission.record.revision == 1
        ]
        for goal in new:
            if goal.priority is Priority.CRITICAL and goal.origin is GoalOrigin.AUTONOMOUS:
                alert(turn, "critical_goal", Severity.CRITICAL, goal.description, goal)

    def _forget_closed(self, turn: Turn) -> None:
        """What is known of goals only while they are open."""
        for goal_id, entry in turn.read(Goals).entries.items():
            if not entry.goal.status.is_open and (entry.held or entry.effects_done):
                let_go(turn, goal_id)
                turn.edit(Goals).entries[goal_id].effects_done = 0

    def _moments(self, turn: Turn) -> Iterator[int]:
        plans = turn.read(Plans)
        for plan in plans.all():
            moment = wake_at(plan, self._config.planning)
            if moment is not None:
                yield moment
            reminder = self._runner.remind_at(plan)
            if reminder is not None and not plans.entries[plan.plan_id].reminded:
                yield reminder
        for expectation in plans.expectations():
            yield expectation.settle_at
        for goal in turn.read(Goals).open():
            if goal.deadline is not None:
                yield goal.deadline + 1
            rest = self._planner.rests_until(turn, goal)
            if rest is not None:
                yield rest

    def _insights(self, entity: Entity) -> Any:
        return insights(entity.read(LearningState), self._config.learning)

    def _summary(self, entity: Entity) -> Any:
        return summary(entity, self._config.safety)


def _answered(
    name: str, summary: str, run: Callable[[Turn, Command, AnswerArguments], None]
) -> CommandSpec[AnswerArguments]:
    return CommandSpec(
        name, summary, AnswerArguments, run, target="plan id", signed=True, role=Role.APPROVER
    )


def _report(entity: Entity) -> Any:
    return report(entity.read(Goals))


def _rows(make: Callable[[Entity], Any]) -> Callable[[Entity], Mapping[str, Any]]:
    """One row for each entity that has a goal, a plan, an analysis or an outcome."""

    def rows(entity: Entity) -> Mapping[str, Any]:
        known = (
            entity.read(Goals).admitted
            or entity.read(Plans).entries
            or entity.read(Analyses).last
            or entity.read(Actions).outcomes
        )
        return {"": make(entity)} if known else {}

    return rows
