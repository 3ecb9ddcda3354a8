"""The plans of one entity, as stored, with what each was chosen by and is expected to change."""

from __future__ import annotations

import msgspec

from streams.core.effects.expectation import Expectation
from streams.core.execution.machine import ENDED
from streams.core.execution.steps import succeeded
from streams.core.kernel.slices import Slice
from streams.records import Candidate, Plan, PlanStatus, StepStatus


class ChoiceMade(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that a plan came of; kept until its effect is known."""

    decision_id: str
    candidates: tuple[Candidate, ...]
    context: dict[str, float]
    declared: float | None = None
    """Effect on the goal's metric that the catalogue tells."""
    mode: str
    policy: str


class PlanEntry(msgspec.Struct, omit_defaults=True):
    """A plan and what is remembered along with it."""

    plan: Plan
    choice: ChoiceMade | None = None
    expectation: Expectation | None = None
    """Its effect, while that is still to be measured."""
    asked: bool = False
    """Whether operators were told that it waits for approval."""
    reminded: bool = False
    """Whether they were told once more, before it is given up."""


class Counters(msgspec.Struct, kw_only=True):
    """What was carried out for an entity since its state began."""

    plans_done: int = 0
    plans_failed: int = 0
    plans_cancelled: int = 0
    """After they had begun."""
    actions_done: int = 0
    """Steps of plans that succeeded."""
    actions_failed: int = 0
    execution_ms: int = 0
    """Sum over the plans that began and ended."""
    last_execution: int | None = None
    """When the latest one ended, ms."""

    @property
    def executions(self) -> int:
        """Plans that began and ended."""
        return self.plans_done + self.plans_failed + self.plans_cancelled

    def count(self, plan: Plan) -> None:
        """Take note of a plan that has just ended; one that never began does not count."""
        if plan.started_at is None or plan.ended_at is None:
            return
        self.plans_done += plan.status is PlanStatus.DONE
        self.plans_failed += plan.status is PlanStatus.FAILED
        self.plans_cancelled += plan.status is PlanStatus.CANCELLED
        self.actions_done += sum(succeeded(step) for step in plan.actions)
        self.actions_failed += sum(step.status is StepStatus.FAILED for step in plan.actions)
        self.execution_ms += max(0, plan.ended_at - plan.started_at)
        self.last_execution = plan.ended_at


class Plans(Slice):
    """All open plans and the latest ended ones, in order of their making."""

    slice_name = "plans"

    entries: dict[str, PlanEntry] = {}
    """By plan id."""
    counters: Counters = msgspec.field(default_factory=Counters)

    def get(self, plan_id: str) -> Plan | None:
        """The plan of this id, open or lately ended."""
        entry = self.entries.get(plan_id)
        return None if entry is None else entry.plan

    def all(self) -> list[Plan]:
        """Open and lately ended ones."""
        return [entry.plan for entry in self.entries.values()]

    def live(self) -> list[Plan]:
        """Those that have not ended."""
        return [plan for plan in self.all() if plan.status not in ENDED]

    def of(self, goal_id: str) -> list[Plan]:
        """The plans for a goal."""
        return [e.plan for e in self.entries.values() if e.plan.goal_id == goal_id]

    def choice(self, plan_id: str) -> ChoiceMade | None:
        """What a plan was chosen by."""
        entry = self.entries.get(plan_id)
        return None if entry is None else entry.choice

    def expectations(self) -> list[Expectation]:
        """Effects that are still to be measured, in the order in which the plans began."""
        found = [e.expectation for e in self.entries.values() if e.expectation is not None]
        return sorted(found, key=lambda each: each.made_at) if len(found) > 1 else found
