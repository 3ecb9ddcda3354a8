"""What the engine has published, counted."""

from __future__ import annotations

from collections import Counter

from streams.core.execution.machine import ENDED
from streams.records import Goal, Outcome, Plan, PlanStatus, Record


class Tally:
    """Of the records on the topics goals, plans and outcomes."""

    def __init__(self) -> None:
        self.goals: Counter[str] = Counter()
        """Goals that were set, by type, and ``closed: ...`` by how they ended."""
        self.plans: Counter[str] = Counter()
        """Plans by how they ended."""
        self.outcomes: Counter[str] = Counter()
        """By status."""
        self._open: dict[str, dict[str, Plan]] = {}

    def take(self, record: Record) -> None:
        match record:
            case Goal(revision=1):
                self.goals[record.goal_type.value] += 1
            case Goal() if not record.status.is_open:
                self.goals[f"closed: {record.status.value}"] += 1
            case Plan():
                self._take_plan(record)
            case Outcome():
                self.outcomes[record.status.value] += 1
            case _:
                pass

    def open_plans(self, entity_id: str) -> list[Plan]:
        """Latest revisions of the plans of an entity that have not ended."""
        return list(self._open.get(entity_id, {}).values())

    def running_plans(self, entity_id: str) -> list[Plan]:
        """Those of them that have begun."""
        return [p for p in self.open_plans(entity_id) if p.status is PlanStatus.RUNNING]

    def lines(self) -> list[str]:
        """One line for each kind of record."""
        return [
            f"{name}: {', '.join(f'{count} {key}' for key, count in sorted(counts.items()))}"
            for name, counts in (
                ("goals", self.goals),
                ("plans", self.plans),
                ("outcomes", self.outcomes),
            )
        ]

    def _take_plan(self, plan: Plan) -> None:
        plans = self._open.setdefault(plan.entity_id, {})
        if plan.status not in ENDED:
            plans[plan.plan_id] = plan
        elif plan.plan_id in plans or plan.revision == 1:
            plans.pop(plan.plan_id, None)
            self.plans[plan.status.value] += 1
