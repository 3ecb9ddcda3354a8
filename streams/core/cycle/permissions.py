"""What may be done for a goal of an entity, as of now, and with a plan for it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from msgspec.structs import replace

from streams.core.config import CoreConfig
from streams.core.execution.state import Plans
from streams.core.execution.steps import in_flight
from streams.core.goals.feature import REQUESTER
from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.turn import Turn
from streams.core.planning.plan import PlanCandidate
from streams.core.safety.approval import ask, awaits_approval
from streams.core.safety.gate import GateDecision, GateResult, StartRequest, judge
from streams.core.safety.modes import Controls, Mode, Permission, effective_mode, merge, sets_goals
from streams.core.safety.state import SafetyState
from streams.core.safety.trust import doubt, in_rollout
from streams.records import Goal, Plan, PlanStatus


class Judged(NamedTuple):
    """A plan as it may go on; None when it may not even be made."""

    plan: Plan | None
    verdict: GateResult


class Permissions:
    """Reads the controls of the system and of the entity, and how far forecasts can be trusted."""

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        self._known = config.known

    def controls(self, turn: Turn) -> Controls:
        """What operators set, for everybody and for this entity together."""
        system, own = turn.find(EVERYBODY), turn.read(SafetyState).controls
        return own if system is None else merge(system.read(SafetyState).controls, own)

    def may_set_goals(self, turn: Turn) -> bool:
        """Whether the engine may set goals for the entity by itself."""
        return sets_goals(self.controls(turn), self._config.safety)[0]

    def permission(self, turn: Turn, goal: Goal) -> Permission:
        """The most that may be done for the goal, and what sets this limit."""
        safety, doubts = self._config.safety, self._doubt(turn, goal)
        permission = effective_mode(
            self.controls(turn),
            safety,
            goal.goal_type,
            origin=goal.origin,
            coverage_ok=not doubts,
            in_rollout=in_rollout(turn.entity.entity_id, safety.rollout_share, safety.rollout_salt),
        )
        if not doubts:
            return permission
        return permission._replace(reason=f"{permission.reason}; {doubts}")

    def objection(self, turn: Turn, goal: Goal) -> str:
        """Why operators do not want a plan that has begun to go on; empty when it may."""
        allowed = effective_mode(
            self.controls(turn),
            self._config.safety,
            goal.goal_type,
            origin=goal.origin,
            coverage_ok=True,
            in_rollout=True,
        )
        return "" if allowed.mode.rank >= Mode.APPROVE.rank else allowed.reason

    def judge(self, turn: Turn, goal: Goal, plan: Plan, *, is_new: bool = False) -> Judged:
        """What may be done with a plan that does not run yet.

        One that is new, so not published yet, vanishes when it is refused.

        A plan that waits for an answer goes on waiting for it whatever else is in its way, unless
        it needs none any more.
        """
        series = turn.series(goal.target_metric)
        quality = None if series is None else series.quality()
        permission = self.permission(turn, goal)
        request = StartRequest(
            goal=goal,
            proposal=self._proposal(plan),
            mode=permission.mode,
            coverage=None if quality is None else quality.coverage,
            promised=1.0 if quality is None else quality.promised,
            expected_change=plan.expected_effect,
            scale=self._known.scale(goal.target_metric, goal.baseline, goal.target_value),
            in_flight=_metrics_in_flight(turn.read(Plans), plan),
            approved_by=tuple(filter(None, [plan.approved_by])),
            requester=goal.metadata.get(REQUESTER, ""),
        )
        controls, safety = self.controls(turn), turn.read(SafetyState)
        verdict = judge(request, safety, controls, self._config.safety, turn.now)
        if verdict.check == "mode" and verdict.decision is not GateDecision.AWAIT_APPROVAL:
            # What made the mode what it is says more than the mode.
            why = f"{permission.reason}; {verdict.reason}"
            verdict = dataclasses.replace(verdict, reason=why)
        placed = self._placed(plan, verdict, turn.now)
        refused = is_new and verdict.decision is GateDecision.REFUSE
        return Judged(None if refused else placed, verdict)

    def _doubt(self, turn: Turn, goal: Goal) -> str:
        series, safety = turn.series(goal.target_metric), self._config.safety
        quality = None if series is None else series.quality()
        if series is None or quality is None:
            return doubt(None, 0.0, None, safety, origin=goal.origin)
        age = max(0, turn.now - series.measured_at)
        return doubt(quality.coverage, quality.promised, age, safety, origin=goal.origin)

    def _placed(self, plan: Plan, verdict: GateResult, now: int) -> Plan:
        if awaits_approval(plan) and verdict.decision is not GateDecision.ALLOW:
            return plan
        match verdict.decision:
            case GateDecision.ALLOW:
                return moved(plan, PlanStatus.SCHEDULED, "", now)
            case GateDecision.AWAIT_APPROVAL:
                return ask(plan, now, verdict.reason, self._config.safety)
            case GateDecision.LATER if verdict.until is not None:
                later = replace(plan, scheduled_time=max(plan.scheduled_time, verdict.until))
                return moved(later, PlanStatus.SCHEDULED, verdict.reason, now, plan)
            case _:
                return moved(plan, PlanStatus.WAITING, verdict.reason, now)

    def _proposal(self, plan: Plan) -> PlanCandidate:
        catalogue = self._config.actions
        specs = [catalogue.get(step.name) for step in plan.actions]
        return PlanCandidate(
            name=plan.proposal,
            steps=plan.actions,
            effect=plan.expected_effect,
            resources=plan.resource_requirements,
            reversible=plan.reversible,
            unattended=all(spec is not None and spec.unattended for spec in specs),
        )


def moved(
    plan: Plan, status: PlanStatus, reason: str, now: int, before: Plan | None = None
) -> Plan:
    """The plan in another state; the same object when neither that nor the kind of reason is new.

    ``before`` is the plan as it was published, where ``plan`` has been changed since.
    """
    known = plan if before is None else before
    same_kind = known.reason.partition(";")[0] == reason.partition(";")[0]
    if status is known.status and same_kind and plan.scheduled_time == known.scheduled_time:
        return known
    return replace(
        plan,
        status=status,
        reason=reason,
        expires_at=None,
        timestamp=max(now, known.timestamp),
        revision=known.revision + 1,
    )


def _metrics_in_flight(plans: Plans, plan: Plan) -> frozenset[str]:
    """Target metrics that another plan of the entity is changing."""
    return frozenset(
        other.expected_metric
        for other in plans.all()
        if other.plan_id != plan.plan_id
        and (other.status is PlanStatus.RUNNING or in_flight(other.actions) is not None)
    )
