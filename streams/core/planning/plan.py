"""The first revision of a plan."""

from __future__ import annotations

from streams.core.planning.proposal import Proposal
from streams.core.planning.requirements import goal_requirements, largest
from streams.records import Goal, Plan, PlanPolicy, Strategy


def make_plan(  # noqa: PLR0913 - what was found out about a plan, each by a module of its own
    goal: Goal,
    proposal: Proposal,
    *,
    plan_id: str,
    now: int,
    attempt: int,
    strategy: Strategy,
    due: int,
    estimate_ms: int,
    score: float,
    policy: PlanPolicy,
    dry_run: bool = False,
) -> Plan:
    """Revision 1 of the plan that carries out ``proposal`` for ``goal``, scheduled at ``due`` (ms).

    It needs what its steps need and what the goal's metadata ask for, whichever is more, and
    waits for the goals that its goal depends on. The expected effect is the declared one, until
    there is a better. Raises InvalidRecord when the goal's requirements cannot be read.
    """
    return Plan(
        entity_id=goal.entity_id,
        entity_type=goal.entity_type,
        timestamp=now,
        correlation_id=goal.correlation_id,
        plan_id=plan_id,
        goal_id=goal.goal_id,
        strategy=strategy,
        scheduled_time=due,
        estimated_duration_ms=estimate_ms,
        resource_requirements=largest(proposal.resources, goal_requirements(goal)),
        dependencies=goal.dependencies,
        actions=proposal.steps,
        priority_score=score,
        attempt=attempt,
        policy=policy,
        revision=1,
        proposal=proposal.name,
        reversible=proposal.reversible,
        dry_run=dry_run,
        expected_metric=goal.target_metric,
        expected_effect=proposal.effect,
    )
