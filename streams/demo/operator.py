"""The agent of the demo: answers open goals with actions, as suggested."""

from __future__ import annotations

import math
from collections.abc import Iterable

from streams.core.ids import stable_id
from streams.demo.ledger import Ledger
from streams.demo.plant import SCALE_IN, SCALE_OUT, Plant
from streams.demo.scenario import HOUR_MS, Resource
from streams.records import Action, Goal

SETTLE_MS = 4 * HOUR_MS
"""Event time given to an action to show its effect before the next one."""
REST_MS = 8 * HOUR_MS
"""Event time without an open goal and without an action before a unit is given back."""


class Operator:
    """Knows what is on the topics (``ledger``) and the resources it runs (``plant``)."""

    def __init__(self, resources: Iterable[Resource], ledger: Ledger, plant: Plant) -> None:
        self._resources = tuple(resources)
        self._ledger = ledger
        self._plant = plant
        self._asked: dict[str, str] = {}
        """Entity -> its latest action."""
        self._rested: dict[str, int] = {}
        """Entity -> event time since which nothing was asked for and no goal was open."""
        self._answered: dict[str, int] = {}
        """Entity -> event time at which the latest outcome was seen."""
        self._count = 0

    def decide(self, now: int) -> list[Action]:
        """Actions to send now (event time, ms); at most one a resource is under way."""
        decided = (self._decide(resource, now) for resource in self._resources)
        return [action for action in decided if action is not None]

    def _decide(self, resource: Resource, now: int) -> Action | None:
        entity = resource.entity_id
        asked = self._asked.get(entity)
        if asked is not None:
            if asked not in self._ledger.outcomes:
                return None
            if now - self._answered.setdefault(entity, now) < SETTLE_MS:
                return None
        goals = self._ledger.open_goals(entity)
        if goals:
            self._rested.pop(entity, None)
            return self._pursue(resource, goals, now)
        since = self._rested.setdefault(entity, now)
        if now - since >= REST_MS and self._plant.can_spare(entity):
            return self._action(resource, SCALE_IN, {}, None, now)
        return None

    def _pursue(self, resource: Resource, goals: list[Goal], now: int) -> Action | None:
        current = self._plant.current(resource.entity_id)
        unmet = [goal for goal in goals if current > goal.target_value]
        suggestion = self._ledger.suggestions.get(resource.entity_id)
        if not unmet or suggestion is None:
            return None
        goal = min(unmet, key=lambda goal: goal.target_value)
        suggested = suggestion.values.get(resource.metric, math.nan)
        # A suggestion from before the value rose asks for too much or too little: the goal bounds.
        stale = not goal.target_value <= suggested < current
        aim = goal.target_value if stale else suggested
        return self._action(resource, SCALE_OUT, {"aim": f"{aim:.6g}"}, goal, now)

    def _action(
        self,
        resource: Resource,
        action_type: str,
        params: dict[str, str],
        goal: Goal | None,
        now: int,
    ) -> Action:
        self._count += 1
        entity = resource.entity_id
        action = Action(
            entity_id=entity,
            entity_type=resource.entity_type,
            timestamp=now,
            action_id=stable_id("demo", "action", self._count),
            action_type=action_type,
            params={"resource": entity, "metric": resource.metric, **params},
            goal_id=goal.goal_id if goal else "",
            correlation_id=(goal.correlation_id or goal.goal_id) if goal else "",
            requested_by="demo operator",
        )
        self._asked[entity] = action.action_id
        self._answered.pop(entity, None)
        self._rested.pop(entity, None)
        return action
