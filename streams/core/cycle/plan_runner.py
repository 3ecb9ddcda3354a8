"""Carries plans out: starts what is due, asks for the next step, ends what has ended."""

from __future__ import annotations

from collections.abc import Iterable

from streams.core.config import CoreConfig
from streams.core.cycle.choosing import Chooser
from streams.core.cycle.journal import hold, store_plan
from streams.core.cycle.permissions import Permissions, moved
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
from streams.core.execution.requests import lease_over
from streams.core.execution.state import Plans
from streams.core.goals.book import GoalBook
from streams.core.goals.state import Goals
from streams.core.kernel.checks import MINUTE_MS
from streams.core.kernel.journal import alert, decide
from streams.core.kernel.names import ACTIONS, ENGINE, OUTCOMES
from streams.core.kernel.turn import Turn
from streams.core.learning.record import observe_plan
from streams.core.learning.state import LearningState
from streams.core.outcomes.feature import Actions
from streams.core.planning.due import select
from streams.core.safety.approval import UNANSWERED, awaits_approval, expire
from streams.core.safety.budget import note_start
from streams.core.safety.gate import GateDecision
from streams.core.safety.state import SafetyState
from streams.records import Goal, Outcome, Plan, PlanStatus, Severity

EXHAUSTED = "every attempt that is permitted was made"
_REMIND_SHARE = 4
"""A last part of the wait for an approval, in which operators are told once more: 1 by this."""


class PlanRunner:
    """All changes of plans after they were made go through here."""

    def __init__(
        self, config: CoreConfig, permissions: Permissions, chooser: Chooser, book: GoalBook
    ) -> None:
        self._config = config
        self._permissions = permissions
        self._chooser = chooser
        self._book = book
        self._known = config.known

    def run(self, turn: Turn) -> None:
        """All that is due for the plans of the entity."""
        for plan in turn.read(Plans).live():
            self._tidy(turn, plan)
        for plan in turn.read(Plans).all():
            self._end_lease(turn, plan)
        if any(plan.status is not PlanStatus.RUNNING for plan in turn.read(Plans).live()):
            self._start(turn)
        for plan in turn.read(Plans).live():
            if plan.status is PlanStatus.RUNNING:
                self._advance(turn, plan)
        self._forget(turn)

    def on_outcome(self, turn: Turn, outcome: Outcome) -> None:
        """An action has ended; its plan takes note."""
        for plan in turn.read(Plans).all():
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
        if not self._book.release(turn, goal_id):
            self._book.attempted(turn, goal_id)
        goal = turn.read(Goals).get(goal_id)
        if goal is None or not goal.status.is_open or goal.met_since is not None:
            return
        if goal.attempts >= self._config.planning.max_attempts:
            self._book.fail(turn, goal_id, f"{EXHAUSTED} ({goal.attempts})")
            summary = f"goal failed after {goal.attempts} plans: {goal.description}"
            alert(turn, "goal_failed", Severity.ERROR, summary, goal)

    def _tidy(self, turn: Turn, plan: Plan) -> None:
        """Goals that were closed, objections of operators, approvals that came too late."""
        goal = turn.read(Goals).get(plan.goal_id)
        if goal is None or not goal.status.is_open:
            ended = "gone" if goal is None else goal.status.value
            self.put(turn, plan, cancel(plan, turn.now, f"its goal is {ended}"))
            return
        if plan.status is PlanStatus.RUNNING and (why := self._permissions.objection(turn, goal)):
            self.put(turn, plan, cancel(plan, turn.now, why))
            return
        if plan.status is PlanStatus.WAITING:
            self._remind(turn, plan, goal)
            self.put(turn, plan, expire(plan, turn.now))

    def remind_at(self, plan: Plan) -> int | None:
        """Event time (ms) at which operators are told once more that a plan waits for approval;
        None where they need not be."""
        if not awaits_approval(plan) or plan.expires_at is None:
            return None
        return plan.expires_at - self._config.safety.approval_expiry_ms // _REMIND_SHARE

    def _remind(self, turn: Turn, plan: Plan, goal: Goal) -> None:
        moment, entry = self.remind_at(plan), turn.read(Plans).entries[plan.plan_id]
        if moment is None or plan.expires_at is None:
            return
        if not entry.asked:
            turn.edit(Plans).entries[plan.plan_id].asked = True
            alert(turn, "approval_waiting", Severity.WARNING, _question(plan, goal), goal)
        elif moment <= turn.now < plan.expires_at and not entry.reminded:
            turn.edit(Plans).entries[plan.plan_id].reminded = True
            minutes = (plan.expires_at - turn.now) / MINUTE_MS
            summary = f"{_question(plan, goal)}; it is given up in {minutes:.3g} min"
            alert(turn, "approval_expiring", Severity.ERROR, summary, goal)

    def _end_lease(self, turn: Turn, plan: Plan) -> None:
        """What is in flight for too long counts as failed, also in a plan that was cancelled."""
        lease = self._config.planning.lease_ms
        late = turn.read(Actions).pending.get(overdue(plan, turn.now, lease))
        if late is not None:
            turn.emit(OUTCOMES, lease_over(late.action, turn.now))
        self.put(turn, plan, reap(plan, turn.now, lease))

    def _start(self, turn: Turn) -> None:
        plans, reviewed = turn.read(Plans), self._reviewed(turn)
        goals = turn.read(Goals).by_id()
        chosen = select(
            [reviewed.get(plan.plan_id, plan) for plan in plans.all()],
            turn.now,
            limit=self._config.planning.max_concurrent_goals,
            goals=goals,
            free=self._free(turn, _required(plans.live())),
            actions=self._config.actions,
        )
        for plan, reason in chosen.blocked:
            before = plans.entries[plan.plan_id].plan
            reviewed.pop(plan.plan_id, None)
            self.put(turn, before, moved(plan, PlanStatus.WAITING, reason, turn.now, before))
        for plan_id, plan in reviewed.items():
            self.put(turn, plans.entries[plan_id].plan, plan)
        for plan in chosen.start:
            judged = self._permissions.judge(turn, goals[plan.goal_id], plan)
            assert judged.plan is not None  # only a plan that is new can vanish
            self.put(turn, plan, judged.plan)
            if judged.verdict.decision is GateDecision.ALLOW:
                self._begin(turn, goals[plan.goal_id], judged.plan)

    def _free(self, turn: Turn, resources: Iterable[str]) -> dict[str, float]:
        """What is left of the capacity of each resource, where it is known and measured."""
        free: dict[str, float] = {}
        for metric in resources:
            known, series = self._known.get(metric), turn.series(metric)
            if known is not None and known.capacity is not None and series is not None:
                free[metric] = known.capacity - series.value
        return free

    def _reviewed(self, turn: Turn) -> dict[str, Plan]:
        """Plans that wait, as they would be if nothing else stood in their way; by id.

        They are published only after it is known that nothing else does.
        """
        found: dict[str, Plan] = {}
        for plan in turn.read(Plans).live():
            if plan.status is PlanStatus.WAITING:
                goal = turn.read(Goals).entries[plan.goal_id].goal
                judged = self._permissions.judge(turn, goal, plan).plan
                assert judged is not None
                found[plan.plan_id] = judged
        return found

    def _begin(self, turn: Turn, goal: Goal, plan: Plan) -> None:
        running = begin(plan, turn.now)
        self._expect(turn, goal, plan)
        note_start(
            turn.edit(SafetyState),
            target=goal.target_metric,
            change=plan.expected_effect,
            scale=self._chooser.scale(goal),
            plan_id=plan.plan_id,
            now=turn.now,
            config=self._config.safety,
        )
        self._book.begin(turn, plan.goal_id)
        made = turn.read(Plans).choice(plan.plan_id)
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
        """What would be without the plan, and what should be with it, before it begins."""
        made = turn.read(Plans).choice(plan.plan_id)
        found = self._chooser.expect(turn, goal, plan, None if made is None else made.declared)
        if found is not None and made is not None:
            turn.edit(Plans).entries[plan.plan_id].expectation = bound(
                found, plan.plan_id, made.decision_id, made.context
            )

    def _advance(self, turn: Turn, plan: Plan) -> None:
        after, action = next_action(
            plan,
            turn.read(Goals).entries[plan.goal_id].goal,
            turn.now,
            lease_ms=self._config.planning.lease_ms,
            action_delay_ms=self._config.planning.action_delay_ms,
        )
        self.put(turn, plan, after)
        if action is not None:
            turn.emit(ACTIONS, action)

    def _ended(self, turn: Turn, plan: Plan, *, unanswered: bool) -> None:
        """``unanswered``: a person was asked, and did not agree."""
        told = result(plan, turn.read(Actions).outcomes)
        decide(
            turn,
            "result",
            plan.plan_id,
            correlation_id=plan.correlation_id,
            chosen=plan.status.value,
            reason="; ".join(told.lessons_learned) or plan.reason,
        )
        plans, goals = turn.edit(Plans), turn.read(Goals)
        plans.counters.count(plan)
        entry, goal = plans.entries[plan.plan_id], goals.get(plan.goal_id)
        if plan.status is PlanStatus.DONE and goal is not None:
            turn.edit(Goals).entries[plan.goal_id].effects_done += 1
        if plan.status is PlanStatus.DONE and entry.expectation is not None:
            began = turn.now if plan.started_at is None else plan.started_at
            ended = turn.now if plan.ended_at is None else plan.ended_at
            wait = settle_ms(self._config.effects, plan)
            entry.expectation = acted(entry.expectation, began, ended, wait)
            return
        entry.expectation = None
        if goal is None:
            return
        if plan.started_at is not None or unanswered:
            observe_plan(turn.edit(LearningState), plan, goal, turn.now, self._config.learning)
        if plan.started_at is not None:
            self.after_attempt(turn, goal.goal_id)
        elif unanswered and goal.status.is_open:
            self._ask_again(turn, plan, goal)

    def _ask_again(self, turn: Turn, plan: Plan, goal: Goal) -> None:
        """A plan that never ran is no attempt: the goal stays, and a person is asked again."""
        minutes = self._config.planning.cooldown_ms / MINUTE_MS
        hold(turn, goal, f"{plan.reason}; a person is asked again after {minutes:.3g} min")
        if plan.reason == UNANSWERED:
            summary = f"{_question(plan, goal)}: {plan.reason}"
            alert(turn, "approval_expired", Severity.ERROR, summary, goal)

    def _forget(self, turn: Turn) -> None:
        """Only the latest ended plans are kept, and those whose effect is still to be measured."""
        ended = [
            entry.plan
            for entry in turn.read(Plans).entries.values()
            if is_settled(entry.plan) and entry.expectation is None
        ]
        ended.sort(key=lambda plan: plan.timestamp)
        for plan in ended[: max(0, len(ended) - self._config.planning.plans_kept)]:
            del turn.edit(Plans).entries[plan.plan_id]


def _question(plan: Plan, goal: Goal) -> str:
    return f"plan {plan.plan_id} ({plan.proposal}) waits for approval: {goal.description}"


def _required(plans: Iterable[Plan]) -> list[str]:
    """Resources that some of the plans need."""
    return sorted({name for plan in plans for name in plan.resource_requirements})
