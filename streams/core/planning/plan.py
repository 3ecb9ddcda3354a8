"""What a plan is made of: a candidate, what must be free while it runs, and its first revision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from streams.errors import InvalidRecord
from streams.records import Goal, Plan, PlanPolicy, PlanStep, Strategy

RESOURCES = "resource_requirements"
"""Name in a goal's metadata: a JSON object of resource metric to the amount that must be free."""
_decoder = msgspec.json.Decoder(dict[str, float])


@dataclass(frozen=True, slots=True)
class PlanCandidate:
    """A candidate that the policy may choose: steps that are carried out in this order."""

    name: str
    """What decides about it is learned under this name: its action types, joined by ``+``."""
    steps: tuple[PlanStep, ...]
    effect: float | None = None
    """Declared change of the goal's metric, in its unit; None where nothing is declared."""
    cost: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict[str, float])
    reversible: bool = True
    unattended: bool = False
    """Whether all of its steps are on the allow list."""


def goal_requirements(goal: Goal) -> dict[str, float]:
    """What the goal's metadata ask for; empty when they do not.

    Raises InvalidRecord when the text is no JSON object of finite amounts, 0 or more.
    """
    text = goal.metadata.get(RESOURCES, "")
    if not text:
        return {}
    try:
        found = _decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise _unreadable(text) from error
    if not all(math.isfinite(amount) and amount >= 0 for amount in found.values()):
        raise _unreadable(text)
    return found


def largest(*requirements: Mapping[str, float]) -> dict[str, float]:
    """Largest amount per resource, ordered by name: what things need that take turns."""
    names = sorted({name for each in requirements for name in each})
    return {name: max(each[name] for each in requirements if name in each) for name in names}


def shortage(
    required: Mapping[str, float],
    reserved: Iterable[Mapping[str, float]],
    free: Mapping[str, float],
) -> str:
    """The first resource of which too little is free, in words; empty when there is enough.

    ``reserved`` is what running plans asked for. It is taken off ``free``, which was measured:
    whether they use it already cannot be told, and too little must not be given away twice. A
    resource whose free amount is not known is not enough for anything but 0.
    """
    taken = list(reserved)
    for name, amount in sorted(required.items()):
        if amount <= 0:
            continue
        if name not in free:
            return f"needs {amount:g} of {name}, whose free amount is not known"
        held = sum(each.get(name, 0.0) for each in taken)
        left = max(0.0, free[name] - held)
        if left < amount:
            note = f" ({held:g} held for running plans)" if held else ""
            return f"needs {amount:g} of {name}, {left:g} is free{note}"
    return ""


def _unreadable(text: str) -> InvalidRecord:
    return InvalidRecord(
        "resource requirements cannot be read",
        field=f"metadata.{RESOURCES}",
        value=text,
        remedy='use a JSON object of amounts, 0 or more, such as {"cpu": 20}',
    )


def make_plan(  # noqa: PLR0913 - what was found out about a plan, each by a module of its own
    goal: Goal,
    proposal: PlanCandidate,
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
