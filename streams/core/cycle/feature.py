"""The autonomous cycle of one entity: plan, ask, carry out, measure, learn.

Runs after the rules of each record of an entity, so it sees the state as of that record. What
falls due later is found again by ``EntityState.wake_at``.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.core.config import CoreConfig
from streams.core.cycle.effect_measurement import EffectMeasurement
from streams.core.cycle.gatekeeper import REQUESTER, Gatekeeper
from streams.core.cycle.plan_runner import PlanRunner
from streams.core.cycle.planner import Planner, has_plan
from streams.core.cycle.readings import Readings
from streams.core.cycle.standing import Standing
from streams.core.execution.machine import ENDED, cancel
from streams.core.execution.timing import wake_at
from streams.core.goals.book import GoalBook
from streams.core.kernel.journal import alert, decide, let_go
from streams.core.kernel.names import GOALS
from streams.core.kernel.turn import Turn
from streams.core.learning.record import observe_action
from streams.core.safety.approval import ApprovalRefusal, approve, reject
from streams.core.series.store import SeriesStore
from streams.records import Command, Goal, GoalOrigin, Outcome, Plan, Priority, Severity

RETRY_MS = 60_000
"""What is overdue and could not be done is looked at again after this long."""


class Cycle:
    """What is done about goals without anybody asking for it, as far as it is permitted."""

    def __init__(
        self, config: CoreConfig, series: SeriesStore, goals: GoalBook, standing: Standing
    ) -> None:
        self._config = config
        self._goals = goals
        readings = Readings(config, series)
        gatekeeper = Gatekeeper(config, readings, standing)
        self._planner = Planner(config, readings, standing, gatekeeper)
        self._conductor = PlanRunner(config, readings, gatekeeper, goals)
        self._verifier = EffectMeasurement(config, readings, self._conductor)

    def run(self, turn: Turn) -> None:
        """All that the record at hand has made due."""
        state = turn.state
        if not (state.open_goals() or state.plans or state.expectations):
            self._rest(turn)
            return
        self._announce(turn)
        self._verifier.run(turn)
        self._planner.run(turn)
        self._conductor.run(turn)
        self._rest(turn)

    def _rest(self, turn: Turn) -> None:
        """Drop what is over, and know when to look again."""
        state = turn.state
        self._forget_closed(turn)
        wake = self._wake_at(turn)
        if wake != state.wake_at:
            state.wake_at = wake
            turn.touched = True

    def on_outcome(self, turn: Turn, outcome: Outcome) -> None:
        """A final outcome of an action of the entity."""
        observe_action(turn.state.learning, outcome, turn.now, self._config.learning)
        self._conductor.on_outcome(turn, outcome)

    def approve(self, turn: Turn, command: Command) -> None:
        self._answer(turn, command, agreed=True)

    def reject(self, turn: Turn, command: Command) -> None:
        self._answer(turn, command, agreed=False)

    def cancel_plan(self, turn: Turn, command: Command) -> None:
        """Stop a plan: no further step begins."""
        plan = self._plan_of(turn, command)
        if plan is None:
            return
        if plan.status in ENDED:
            turn.reject("plan_ended", f"plan {plan.plan_id!r} is {plan.status.value} already")
            return
        reason = command.arguments.get("reason") or f"cancelled by {_who(command) or 'request'}"
        self._conductor.put(turn, plan, cancel(plan, turn.now, reason))

    def execute(self, turn: Turn, command: Command) -> None:
        """Plan for a goal now, whatever its cooldown says; modes and budgets hold.

        With the argument ``dry_run`` true the plan is only shown, with what is expected of it.
        """
        goal = turn.state.goals.get(command.target)
        if goal is None or not goal.status.is_open:
            turn.reject("unknown_goal", f"target is {command.target!r}; name an open goal")
            return
        if command.arguments.get("dry_run", "false") == "true":
            self._planner.plan(turn, goal, dry_run=True)
            return
        if has_plan(turn.state, goal.goal_id):
            turn.reject("plan_exists", f"goal {goal.goal_id!r} has a plan; approve or cancel that")
            return
        self._planner.plan(turn, goal)

    def _answer(self, turn: Turn, command: Command, *, agreed: bool) -> None:
        plan = self._plan_of(turn, command)
        if plan is None:
            return
        goal = turn.state.goals.get(plan.goal_id)
        requester = "" if goal is None else goal.metadata.get(REQUESTER, "")
        who, reason = _who(command), command.arguments.get("reason", "")
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
        self._conductor.put(turn, plan, answer)

    def _plan_of(self, turn: Turn, command: Command) -> Plan | None:
        plan = turn.state.plans.get(command.target)
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
        state = turn.state
        for goal_id in [*state.held, *state.effects_done]:
            goal = state.goals.get(goal_id)
            if goal is None or not goal.status.is_open:
                let_go(turn, goal_id)
                state.effects_done.pop(goal_id, None)

    def _wake_at(self, turn: Turn) -> int | None:
        """The next moment at which something may be due without a record."""
        earliest = min(self._moments(turn), default=None)
        if earliest is None or earliest > turn.now:
            return earliest
        return turn.now + RETRY_MS

    def _moments(self, turn: Turn) -> Iterator[int]:
        state = turn.state
        for plan in state.plans.values():
            moment = wake_at(plan, self._config.planning)
            if moment is not None:
                yield moment
        for expectation in state.expectations.values():
            yield expectation.settle_at
        for goal in state.open_goals():
            if goal.deadline is not None:
                yield goal.deadline + 1
            rest = self._planner.rests_until(state, goal, turn.now)
            if rest is not None:
                yield rest


def _who(command: Command) -> str:
    return command.arguments.get("by") or command.issued_by
