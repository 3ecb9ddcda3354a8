"""Carries plans out: starts what is due, asks for the next step, ends what has ended."""

from __future__ import annotations

from streams.core.config import CoreConfig
from streams.core.cycle.counters import count_plan
from streams.core.cycle.expecting import Expecter
from streams.core.cycle.gatekeeper import Gatekeeper, moved
from streams.core.cycle.readings import Readings
from streams.core.effects.expectation import acted, bound, settle_ms
from streams.core.execution.machine import (
    ENDED,
    begin,
    cancel,
    is_settled,
    next_action,
    on_outcome,
    overdue,
    reap,
)
from streams.core.execution.report import result
from streams.core.execution.unfinished import lease_over
from streams.core.goals.book import GoalBook
from streams.core.kernel.journal import alert, decide, store_plan
from streams.core.kernel.names import ACTIONS, ENGINE, OUTCOMES
from streams.core.kernel.turn import Turn
from streams.core.learning.record import observe_plan
from streams.core.planning.due import select
from streams.core.safety.approval import awaits_approval, expire
from streams.core.safety.budget import note_act
from streams.core.safety.gate import GateDecision
from streams.records import Goal, Outcome, Plan, PlanStatus, Severity

EXHAUSTED = "every attempt that is permitted was made"


class PlanRunner:
    """All changes of plans after they were made go through here."""

    def __init__(
        self, config: CoreConfig, readings: Readings, gatekeeper: Gatekeeper, goals: GoalBook
    ) -> None:
        self._config = config
        self._readings = readings
        self._gatekeeper = gatekeeper
        self._goals = goals
        self._expecter = Expecter(config, readings)

    def run(self, turn: Turn) -> None:
        """All that is due for the plans of the entity."""
        for plan in _live(turn):
            self._tidy(turn, plan)
        if any(plan.status is not PlanStatus.RUNNING for plan in _live(turn)):
            self._start(turn)
        for plan in _live(turn):
            if plan.status is PlanStatus.RUNNING:
                self._advance(turn, plan)
        self._forget(turn)

    def on_outcome(self, turn: Turn, outcome: Outcome) -> None:
        """An action has ended; its plan takes note."""
        for plan in list(turn.state.plans.values()):
            self.put(turn, plan, on_outcome(plan, outcome, turn.now))

    def put(self, turn: Turn, before: Plan, after: Plan) -> None:
        """Keep what has become of a plan; does nothing where it is as it was."""
        if after is before:
            return
        store_plan(turn, after)
        if after.status in ENDED and before.status not in ENDED:
            self._ended(turn, after, unanswered=awaits_approval(before))

    def after_attempt(self, turn: Turn, goal_id: str) -> None:
        """An attempt at a goal is over: the goal waits for the next one, or there is none."""
        if not self._goals.release(turn, goal_id):
            self._goals.attempted(turn, goal_id)
        goal = turn.state.goals.get(goal_id)
        if goal is None or not goal.status.is_open or goal.met_since is not None:
            return
        if goal.attempts >= self._config.planning.max_attempts:
            self._goals.fail(turn, goal_id, f"{EXHAUSTED} ({goal.attempts})")
            summary = f"goal failed after {goal.attempts} plans: {goal.description}"
            alert(turn, "goal_failed", Severity.ERROR, summary, goal)

    def _tidy(self, turn: Turn, plan: Plan) -> None:
        """Goals that were closed, approvals that came too late, leases that are over."""
        goal = turn.state.goals.get(plan.goal_id)
        if goal is None or not goal.status.is_open:
            ended = "gone" if goal is None else goal.status.value
            self.put(turn, plan, cancel(plan, turn.now, f"its goal is {ended}"))
            return
        if plan.status is PlanStatus.RUNNING and (why := self._gatekeeper.objection(turn, goal)):
            self.put(turn, plan, cancel(plan, turn.now, why))
            return
        if plan.status is PlanStatus.WAITING:
            self.put(turn, plan, expire(plan, turn.now))
        lease = self._config.planning.lease_ms
        late = turn.state.pending.get(overdue(plan, turn.now, lease))
        if late is not None:
            turn.emit(OUTCOMES, lease_over(late.action, turn.now))
        self.put(turn, plan, reap(plan, turn.now, lease))

    def _start(self, turn: Turn) -> None:
        state = turn.state
        reviewed = self._reviewed(turn)
        chosen = select(
            (state.plans | reviewed).values(),
            turn.now,
            limit=self._config.planning.max_concurrent_goals,
            goals=state.goals,
            free=self._readings.free(state, _required(turn)),
            actions=self._config.actions,
        )
        for plan, reason in chosen.blocked:
            before = state.plans[plan.plan_id]
            reviewed.pop(plan.plan_id, None)
            self.put(turn, before, moved(plan, PlanStatus.WAITING, reason, turn.now, before))
        for plan_id, plan in reviewed.items():
            self.put(turn, state.plans[plan_id], plan)
        for plan in chosen.start:
            judged = self._gatekeeper.judge(turn, state.goals[plan.goal_id], plan)
            assert judged.plan is not None  # only a plan that is new can vanish
            self.put(turn, plan, judged.plan)
            if judged.verdict.decision is GateDecision.ALLOW:
                self._begin(turn, judged.plan)

    def _reviewed(self, turn: Turn) -> dict[str, Plan]:
        """Plans that wait, as they would be if nothing else stood in their way; by id.

        They are published only after it is known that nothing else does.
        """
        found: dict[str, Plan] = {}
        for plan in _live(turn):
            if plan.status is PlanStatus.WAITING:
                judged = self._gatekeeper.judge(turn, turn.state.goals[plan.goal_id], plan).plan
                assert judged is not None
                found[plan.plan_id] = judged
        return found

    def _begin(self, turn: Turn, plan: Plan) -> None:
        state, config = turn.state, self._config
        goal = state.goals[plan.goal_id]
        running = begin(plan, turn.now)
        self._expect(turn, goal, plan)
        note_act(
            state.safety,
            target=goal.target_metric,
            change=plan.expected_effect,
            scale=self._readings.scale(goal),
            plan_id=plan.plan_id,
            now=turn.now,
            config=config.safety,
        )
        self._goals.begin(turn, plan.goal_id)
        made = state.choices.get(plan.plan_id)
        decide(
            turn,
            "act",
            plan.plan_id,
            correlation_id=plan.correlation_id,
            chosen=plan.proposal,
            reason=f"for goal {plan.goal_id}: {goal.description}",
            expected_metric=plan.expected_metric,
            expected_effect=plan.expected_effect,
            expected_lower=plan.expected_lower,
            expected_upper=plan.expected_upper,
            mode="" if made is None else made.mode,
            actor=plan.approved_by or ENGINE,
        )
        self.put(turn, plan, running)

    def _expect(self, turn: Turn, goal: Goal, plan: Plan) -> None:
        """What would be without the act, and what should be with it, before it begins."""
        state = turn.state
        made = state.choices.get(plan.plan_id)
        declared = None if made is None else made.declared
        forecast = self._readings.forecast(state, goal.target_metric)
        found = self._expecter.expect(
            state, goal, plan, declared=declared, forecast=forecast, now=turn.now
        )
        if found is None or made is None:
            return
        state.expectations[plan.plan_id] = bound(
            found, plan.plan_id, made.decision_id, made.context
        )

    def _advance(self, turn: Turn, plan: Plan) -> None:
        state = turn.state
        after, action = next_action(
            plan,
            state.goals[plan.goal_id],
            turn.now,
            lease_ms=self._config.planning.lease_ms,
            action_delay_ms=self._config.planning.action_delay_ms,
        )
        self.put(turn, plan, after)
        if action is not None:
            turn.emit(ACTIONS, action)

    def _ended(self, turn: Turn, plan: Plan, *, unanswered: bool) -> None:
        """``unanswered``: a person was asked, and did not agree."""
        state = turn.state
        told = result(plan, state.outcomes)
        decide(
            turn,
            "result",
            plan.plan_id,
            correlation_id=plan.correlation_id,
            chosen=plan.status.value,
            reason="; ".join(told.lessons_learned) or plan.reason,
        )
        count_plan(state.counters, plan)
        if plan.status is PlanStatus.DONE:
            state.effects_done[plan.goal_id] = state.effects_done.get(plan.goal_id, 0) + 1
        expectation = state.expectations.get(plan.plan_id)
        if plan.status is PlanStatus.DONE and expectation is not None:
            began = turn.now if plan.started_at is None else plan.started_at
            ended = turn.now if plan.ended_at is None else plan.ended_at
            wait = settle_ms(self._config.effects, plan)
            state.expectations[plan.plan_id] = acted(expectation, began, ended, wait)
            return
        state.expectations.pop(plan.plan_id, None)
        goal = state.goals.get(plan.goal_id)
        if goal is not None and (plan.started_at is not None or unanswered):
            observe_plan(state.learning, plan, goal, turn.now, self._config.learning)
            self.after_attempt(turn, goal.goal_id)

    def _forget(self, turn: Turn) -> None:
        """Only the latest ended plans are kept, and those whose effect is still to be measured."""
        state = turn.state
        ended = [
            plan
            for plan in state.plans.values()
            if is_settled(plan) and plan.plan_id not in state.expectations
        ]
        ended.sort(key=lambda plan: plan.timestamp)
        for plan in ended[: max(0, len(ended) - self._config.planning.plans_kept)]:
            del state.plans[plan.plan_id]
            state.choices.pop(plan.plan_id, None)


def _required(turn: Turn) -> list[str]:
    """Resources that some plan that has not ended needs."""
    needed = (name for plan in _live(turn) for name in plan.resource_requirements)
    return sorted(set(needed))


def _live(turn: Turn) -> list[Plan]:
    return [plan for plan in turn.state.plans.values() if plan.status not in ENDED]
