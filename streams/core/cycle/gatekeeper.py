"""Asks safety about a plan, and puts the plan into the state that the answer means."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from msgspec.structs import replace

from streams.core.config import CoreConfig
from streams.core.cycle.readings import Readings
from streams.core.cycle.standing import Standing
from streams.core.execution.steps import in_flight
from streams.core.kernel.entity import EntityState
from streams.core.kernel.turn import Turn
from streams.core.planning.proposal import Proposal
from streams.core.safety.approval import ask, awaits_approval
from streams.core.safety.gate import ActRequest, GateDecision, Verdict, judge
from streams.records import Goal, Plan, PlanStatus

REQUESTER = "requested_by"
"""Name in a goal's metadata of who asked for it."""


class Judged(NamedTuple):
    """A plan as it may go on; None when it may not even be made."""

    plan: Plan | None
    verdict: Verdict


class Gatekeeper:
    """The one way by which a plan gets from made to running."""

    def __init__(self, config: CoreConfig, readings: Readings, standing: Standing) -> None:
        self._config = config
        self._readings = readings
        self._standing = standing

    def judge(self, turn: Turn, goal: Goal, plan: Plan, *, is_new: bool = False) -> Judged:
        """What may be done with a plan that does not run yet.

        One that is new, so not published yet, vanishes when it is refused.

        A plan that waits for an answer goes on waiting for it whatever else is in its way, unless
        it needs none any more.
        """
        state = turn.state
        quality = self._readings.quality(state, goal.target_metric)
        permission = self._standing.permission(state, goal, turn.now)
        request = ActRequest(
            goal=goal,
            proposal=self._proposal(plan),
            mode=permission.mode,
            coverage=None if quality is None else quality.coverage,
            promised=1.0 if quality is None else quality.promised,
            expected_change=plan.expected_effect,
            scale=self._readings.scale(goal),
            in_flight=_metrics_in_flight(state, plan),
            approved_by=tuple(filter(None, [plan.approved_by])),
            requester=goal.metadata.get(REQUESTER, ""),
        )
        controls = self._standing.controls(state)
        verdict = judge(request, state.safety, controls, self._config.safety, turn.now)
        if verdict.check == "mode" and verdict.decision is not GateDecision.AWAIT_APPROVAL:
            # What made the mode what it is says more than the mode.
            why = f"{permission.reason}; {verdict.reason}"
            verdict = dataclasses.replace(verdict, reason=why)
        placed = self._placed(plan, verdict, turn.now)
        refused = is_new and verdict.decision is GateDecision.REFUSE
        return Judged(None if refused else placed, verdict)

    def objection(self, turn: Turn, goal: Goal) -> str:
        """Why a plan for the goal that has begun may not go on; empty when it may."""
        return self._standing.objection(turn.state, goal)

    def _placed(self, plan: Plan, verdict: Verdict, now: int) -> Plan:
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

    def _proposal(self, plan: Plan) -> Proposal:
        catalogue = self._config.actions
        specs = [catalogue.get(step.name) for step in plan.actions]
        return Proposal(
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


def _metrics_in_flight(state: EntityState, plan: Plan) -> frozenset[str]:
    """Target metrics that another plan of the entity is changing."""
    return frozenset(
        other.expected_metric
        for other in state.plans.values()
        if other.plan_id != plan.plan_id
        and (other.status is PlanStatus.RUNNING or in_flight(other.actions) is not None)
    )
