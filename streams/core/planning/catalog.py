"""The ways in which a goal may be pursued: what its author named, or what the catalogue offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.core.planning.composition import is_chain, shortest_chain
from streams.core.planning.config import ActionSpec
from streams.core.planning.plan import PlanCandidate, largest
from streams.records import Direction, Goal, GoalOrigin, PlanStep

_UNKNOWN = ActionSpec()
"""What is assumed of an action type that the catalogue lacks: it may not run unattended."""


def candidates(goal: Goal, actions: Mapping[str, ActionSpec]) -> list[PlanCandidate]:
    """Candidates for ``goal`` out of the catalogue ``actions``, in the order of their action types.

    Actions that a user or a loop named are taken as they are, in their order: one candidate. Any
    other goal gets a candidate per action that serves its type and metric, behind the shortest
    chain of actions that provide what it requires. An action is left out when no chain leads to
    it, or when what the chain is declared to do to the metric moves it away from the target.
    Without any candidate the actions that the goal names are one, under the same conditions.
    Empty when there is nothing to do.
    """
    if goal.actions and goal.origin is not GoalOrigin.AUTONOMOUS:
        return [_proposal(goal, goal.actions, actions)]
    chains = [
        shortest_chain(name, actions)
        for name, spec in sorted(actions.items())
        if _serves(spec, goal)
    ]
    composed = [_proposal(goal, chain, actions) for chain in chains if chain is not None]
    fitting = [each for each in composed if _may_help(each.effect, goal)]
    if fitting or not goal.actions:
        return fitting
    named = _proposal(goal, goal.actions, actions)
    valid = is_chain(goal.actions, actions) and _may_help(named.effect, goal)
    return [named] if valid else []


def _serves(spec: ActionSpec, goal: Goal) -> bool:
    """Whether an action by itself is meant for the goal's metric and type."""
    return goal.target_metric in spec.metrics and (
        not spec.goal_types or goal.goal_type in spec.goal_types
    )


def _may_help(effect: float | None, goal: Goal) -> bool:
    """Whether a change of the metric is unknown or leads towards the target."""
    if effect is None:
        return True
    if goal.direction is Direction.AT_MOST:
        return effect < 0
    if goal.direction is Direction.AT_LEAST:
        return effect > 0
    return not goal.gap or effect * goal.gap > 0


def _proposal(goal: Goal, names: Sequence[str], actions: Mapping[str, ActionSpec]) -> PlanCandidate:
    specs = [actions.get(name, _UNKNOWN) for name in names]
    effects = [
        spec.effect[goal.target_metric] for spec in specs if goal.target_metric in spec.effect
    ]
    return PlanCandidate(
        name="+".join(names),
        steps=tuple(_step(goal, name, spec) for name, spec in zip(names, specs, strict=True)),
        effect=sum(effects) if effects else None,
        cost=sum(spec.cost for spec in specs),
        # Steps run one after the other, so the plan needs what its largest step needs.
        resources=largest(*(spec.resources for spec in specs)),
        reversible=all(spec.reversible for spec in specs),
        unattended=all(spec.unattended for spec in specs),
    )


def _step(goal: Goal, name: str, spec: ActionSpec) -> PlanStep:
    """The goal's own parameters stand, whatever the catalogue gives for the same names."""
    about = {
        "entity_id": goal.entity_id,
        "goal_id": goal.goal_id,
        "goal_type": goal.goal_type.value,
        "target_metric": goal.target_metric,
        "target_value": str(goal.target_value),
    }
    rest = {key: text for key, text in spec.params.items() if key not in about}
    return PlanStep(name=name, params=about | rest, undo=spec.undo, agent=spec.agent)
