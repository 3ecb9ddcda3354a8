"""A plan for each open goal that needs one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from msgspec.structs import replace

from streams.core.analysis.state import Analyses
from streams.core.capacity.feature import Outlooks
from streams.core.config import CoreConfig
from streams.core.cycle.choosing import Chooser, Chosen, forecast_of
from streams.core.cycle.journal import hold, let_go, store_plan
from streams.core.cycle.permissions import Permissions
from streams.core.execution.machine import ENDED
from streams.core.execution.state import ChoiceMade, Plans
from streams.core.goals.relations import is_parent, ready
from streams.core.goals.state import Goals
from streams.core.kernel.ids import stable_id
from streams.core.kernel.journal import alert, decide
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.core.learning.insights import avoid_hours, best_strategies, medians
from streams.core.learning.state import LearningState
from streams.core.planning.catalog import candidates
from streams.core.planning.plan import PlanCandidate, make_plan
from streams.core.planning.schedule import choose_strategy, due_time, estimate_ms, priority_score
from streams.core.safety.config import Mode
from streams.core.safety.modes import Permission
from streams.errors import InvalidRecord
from streams.records import Goal, Plan, PlanStatus, PlanStep, Severity, SystemState

EFFECT_ID = "effect_id"


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a plan is made of."""

    goal: Goal
    chosen: Chosen
    permission: Permission


class Planner:
    """Chooses among the candidates for a goal, and writes down why."""

    def __init__(self, config: CoreConfig, permissions: Permissions, chooser: Chooser) -> None:
        self._config = config
        self._permissions = permissions
        self._chooser = chooser

    def run(self, turn: Turn) -> None:
        """Plan for every goal that needs it, the most urgent first."""
        goals = turn.read(Goals).open()
        for goal in sorted(goals, key=lambda goal: -priority_score(goal, turn.now)):
            if self.rests_until(turn, goal) is None and self._is_wanted(turn, goal):
                self.plan(turn, goal)

    def rests_until(self, turn: Turn, goal: Goal) -> int | None:
        """End of the cooldown after the goal's latest plan, ms; None when it is over."""
        plans = turn.read(Plans).of(goal.goal_id)
        until = max((plan.ended_at for plan in plans if plan.ended_at is not None), default=None)
        if until is None or until + self._config.planning.cooldown_ms <= turn.now:
            return None
        return until + self._config.planning.cooldown_ms

    def plan(self, turn: Turn, goal: Goal, *, dry_run: bool = False) -> None:
        """Make a plan for the goal, if anything may be done for it at all; for show only with
        ``dry_run``."""
        permission = self._permissions.permission(turn, goal)
        if permission.mode is Mode.OBSERVE:
            return
        options = candidates(goal, self._config.actions)
        if not options:
            return
        plan_id = turn.new_id("plan")
        chosen = self._chooser.choose(turn, goal, options, seed=plan_id)
        if chosen is None:
            names = ", ".join(option.name for option in options)
            reason = f"every candidate is blocked, since none helped lately: {names}"
            if hold(turn, goal, reason):
                alert(turn, "goal_blocked", Severity.ERROR, f"{goal.description}: {reason}", goal)
            return
        draft = _Draft(goal, chosen, permission)
        try:
            plan = self._expected(turn, self._scheduled(turn, draft, plan_id), draft)
        except InvalidRecord as error:
            hold(turn, goal, str(error))
            return
        judged = self._permissions.judge(turn, goal, plan, is_new=True)
        if judged.plan is None:
            hold(turn, goal, judged.verdict.reason)
            return
        if dry_run:
            store_plan(turn, as_dry_run(plan, judged.verdict.reason))
            return
        let_go(turn, goal.goal_id)
        # All that was found out before is one revision, the first.
        self._write(turn, draft, replace(judged.plan, revision=1), judged.verdict.reason)

    def _is_wanted(self, turn: Turn, goal: Goal) -> bool:
        goals, plans = turn.read(Goals), turn.read(Plans)
        if has_plan(plans, goal.goal_id):
            return False
        if any(each.goal_id == goal.goal_id for each in plans.expectations()):
            return False
        if is_parent(goals, goal.goal_id) or not ready(goal, goals):
            return False
        # A plan that worked is not repeated while the target holds and nothing else is expected.
        unmet = goal.met_since is None or goal.target_metric in turn.read(Analyses).breaches
        return goal.attempts < self._config.planning.max_attempts and (goal.attempts == 0 or unmet)

    def _scheduled(self, turn: Turn, draft: _Draft, plan_id: str) -> Plan:
        config, goals, goal = self._config.planning, turn.read(Goals), draft.goal
        plans, learning = turn.read(Plans), turn.read(LearningState)
        proposal = _with_effect_ids(draft.chosen.proposal, goals, goal)
        shared = any(
            plan.goal_id != goal.goal_id
            and (other := goals.get(plan.goal_id)) is not None
            and other.target_metric == goal.target_metric
            for plan in plans.live()
        )
        best = best_strategies(learning, self._config.learning.min_samples)
        strategy = choose_strategy(goal, best, shared)
        outlook = turn.read(Outlooks).latest
        duration = estimate_ms(goal, proposal.steps, medians(learning), config)
        due = due_time(
            strategy,
            goal,
            turn.now,
            state=None if outlook is None else SystemState(outlook.current_state),
            load=_load(forecast_of(turn, goal.target_metric), turn.now),
            avoid_hours=avoid_hours(learning, proposal.name),
            config=config,
            duration_ms=duration,
        )
        return make_plan(
            goal,
            proposal,
            plan_id=plan_id,
            now=turn.now,
            attempt=goal.attempts + 1,
            strategy=strategy,
            due=due,
            estimate_ms=duration,
            score=priority_score(goal, turn.now),
            policy=config.policy,
        )

    def _expected(self, turn: Turn, plan: Plan, draft: _Draft) -> Plan:
        """The plan with what it is expected to change."""
        found = self._chooser.expect(turn, draft.goal, plan, draft.chosen.proposal.effect)
        if found is None:
            return plan
        return replace(
            plan,
            expected_effect=found.effect,
            expected_lower=found.effect_lower,
            expected_upper=found.effect_upper,
        )

    def _write(self, turn: Turn, draft: _Draft, plan: Plan, reason: str) -> None:
        choice = draft.chosen.choice
        store_plan(turn, plan)
        decision_id = decide(
            turn,
            "plan",
            plan.plan_id,
            correlation_id=draft.goal.correlation_id,
            candidates=choice.candidates,
            chosen=draft.chosen.proposal.name,
            reason=reason or draft.permission.reason,
            expected_metric=plan.expected_metric,
            expected_effect=plan.expected_effect,
            expected_lower=plan.expected_lower,
            expected_upper=plan.expected_upper,
            mode=draft.permission.mode.value,
            context={name: repr(value) for name, value in draft.chosen.context.items()},
            model_version=choice.policy,
        )
        turn.edit(Plans).entries[plan.plan_id].choice = ChoiceMade(
            decision_id=decision_id,
            candidates=choice.candidates,
            context=dict(draft.chosen.context),
            declared=draft.chosen.proposal.effect,
            mode=draft.permission.mode.value,
            policy=choice.policy,
        )


def as_dry_run(plan: Plan, reason: str) -> Plan:
    """A plan that has ended before it began: no step of it is ever asked for."""
    told = "dry run: nothing is asked for"
    return replace(
        plan,
        dry_run=True,
        status=PlanStatus.CANCELLED,
        reason=f"{told}; {reason}" if reason else told,
    )


def has_plan(plans: Plans, goal_id: str) -> bool:
    """Whether a plan for the goal has not ended yet."""
    return any(plan.status not in ENDED for plan in plans.of(goal_id))


def _with_effect_ids(proposal: PlanCandidate, goals: Goals, goal: Goal) -> PlanCandidate:
    """Steps know the effect they stand for: the same one until a plan for the goal was done, or the
    goal has got another target.

    A handler that did it already, whatever its outcome said, then does nothing.
    """
    done = goals.entries[goal.goal_id].effects_done
    steps = tuple(
        replace(step, params={**step.params, EFFECT_ID: _effect_id(goal, done, index, step)})
        for index, step in enumerate(proposal.steps)
    )
    return dataclasses.replace(proposal, steps=steps)


def _effect_id(goal: Goal, done: int, index: int, step: PlanStep) -> str:
    return stable_id("effect", goal.goal_id, goal.target_value, done, index, step.name)


def _load(forecast: SeriesForecast | None, now: int) -> list[tuple[int, float]]:
    """Moments ahead with the value expected then."""
    if forecast is None:
        return []
    means, step = forecast.mean.tolist(), forecast.step_ms
    return [(now + number * step, mean) for number, mean in enumerate(means, 1)]
