"""Why a goal exists: what led to it, by which rule, with which numbers."""

from __future__ import annotations

import msgspec

from streams.records import CauseKind, Goal, GoalType

_ASKED = "asked for from outside"
_SCALING = "scaling:"
"""How causes begin where a capacity follows a demand."""
_FOLLOWS = "the capacity follows the forecast of its demand"
_RULES = {
    GoalType.BOTTLENECK_PREVENTION: "a forecast passes the limit of the metric's capacity",
    GoalType.SLA_MAINTENANCE: "the error budget is used up faster than the objective allows",
    GoalType.PERFORMANCE_TARGET: "the objective is missed, or a forecast says that it will be",
    GoalType.CAPACITY_PLANNING: "a forecast of the demand needs more capacity than there is",
    GoalType.RESOURCE_OPTIMIZATION: "the predicted average use of the resource is above the mark",
    GoalType.COST_REDUCTION: "less is to be spent than now",
    GoalType.PATTERN_ADAPTATION: "a recurring task may be done more efficiently",
}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to why a goal is there."""

    goal_id: str
    wish: str
    """What the goal asks for."""
    rule: str
    inputs: tuple[str, ...]
    """What the rule looked at: kind and id of the cause, and what the rule noted of it."""
    numbers: dict[str, float]
    """By name."""

    @property
    def text(self) -> str:
        """All of it, a line each."""
        numbers = (f"  {name} = {number:.10g}" for name, number in self.numbers.items())
        inputs = (f"  {each}" for each in self.inputs)
        return "\n".join(
            (self.wish, f"because {self.rule}", "inputs:", *inputs, "numbers:", *numbers)
        )


def explain(goal: Goal) -> Explanation:
    """Why ``goal`` exists, from its record alone."""
    cause = f"{goal.cause_kind.value} {goal.cause_id}".rstrip()
    numbers = {"target": goal.target_value} | goal.cause_numbers
    if goal.baseline is not None:
        numbers["baseline"] = goal.baseline
    if goal.deadline is not None:
        numbers["deadline"] = float(goal.deadline)
    unit = f" {goal.unit}" if goal.unit else ""
    metadata = (f"{name}: {text}" for name, text in goal.metadata.items())
    return Explanation(
        goal_id=goal.goal_id,
        wish=f"{goal.target_metric} {goal.direction.value} {goal.target_value:g}{unit}",
        rule=_rule(goal),
        inputs=(cause, f"metric {goal.target_metric}", *metadata),
        numbers=numbers,
    )


def _rule(goal: Goal) -> str:
    if goal.cause_kind is CauseKind.REQUEST:
        return _ASKED
    return _FOLLOWS if goal.cause_id.startswith(_SCALING) else _RULES[goal.goal_type]
