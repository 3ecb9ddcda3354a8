"""What was seen on the topics: counts, and the latest of everything worth showing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable

from streams.core.kernel.batch import MetricBatch
from streams.core.kernel.engine_events import SOURCE
from streams.demo.intervals import IntervalCheck
from streams.demo.plant import EFFECT_ID
from streams.records import (
    Action,
    Alert,
    DeadLetter,
    Decision,
    Event,
    Forecast,
    Goal,
    GoalOrigin,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    Prediction,
    Record,
    Suggestion,
)

LATEST_KEPT = 5
CHOICE = "plan"
"""Kind of the decision by which one of several candidates becomes a plan."""
VERIFICATION = "verification"
"""Kind of the decision that says what a plan changed."""


class Ledger:
    """Filled from outside, by whoever reads the topics; knows nothing of producers and worker."""

    def __init__(self, compared: Container[str]) -> None:
        """``compared`` are the metrics whose forecasts are compared with what came after."""
        self._compared = compared
        self.counts: Counter[str] = Counter()
        """Usable records by logical topic; of goals, what the engine wrote, of events, what not."""
        self.intervals = IntervalCheck()
        self.goals: dict[str, Goal] = {}
        """Latest revision by id, in order of creation."""
        self.plans: dict[str, Plan] = {}
        """Latest revision by id, in order of creation."""
        self.choice: Decision | None = None
        """The latest one among several candidates; while there is none, the latest of all."""
        self.verifications: dict[str, Decision] = {}
        """What became of plans, by plan id."""
        self.predictions: Counter[str] = Counter()
        """By kind."""
        self.alerts: list[Alert] = []
        self.suggestions: dict[str, Suggestion] = {}
        """Latest by entity."""
        self.forecasts: dict[tuple[str, str], Forecast] = {}
        """Latest by entity and metric."""
        self.actions: set[str] = set()
        """Ids asked for."""
        self.outcomes: dict[str, Outcome] = {}
        """By action id."""
        self.effects: set[str] = set()
        """Ids of the effects of which a resource itself says that they came about."""
        self.noticed: Counter[str] = Counter()
        """The engine's own events, by type."""
        self.dead: Counter[str] = Counter()
        """Dead letters by reason."""
        self.latest: deque[Record] = deque(maxlen=LATEST_KEPT)
        """What a reader would like to hear of, oldest first."""

    def take_metrics(self, batch: MetricBatch) -> None:
        self.counts["metrics"] += len(batch)
        self.intervals.measured(batch)

    def take(self, records: Iterable[tuple[str, Record]]) -> None:
        """Note records with their logical topics, in the order of their topics' partitions."""
        for topic, record in records:
            if isinstance(record, Goal) and record.revision == 0:
                continue
            if isinstance(record, Event) and record.source == SOURCE:
                self.noticed[record.event_type] += 1
                continue
            self.counts[topic] += 1
            self._note(record)

    @property
    def unanswered(self) -> int:
        """Actions without an outcome."""
        return len(self.actions - self.outcomes.keys())

    def pursued(self) -> list[Plan]:
        """Plans for goals of the engine that were carried out, all the way to a measured effect:
        the resource itself tells of the change, and the effect was measured afterwards."""
        return [plan for plan in self.plans.values() if self._is_pursued(plan)]

    def _is_pursued(self, plan: Plan) -> bool:
        goal = self.goals.get(plan.goal_id)
        found = self.verifications.get(plan.plan_id)
        if goal is None or goal.origin is not GoalOrigin.AUTONOMOUS:
            return False
        if plan.status is not PlanStatus.DONE or found is None or found.measured_effect is None:
            return False
        return any(
            (outcome := self.outcomes.get(step.action_id)) is not None
            and outcome.status is OutcomeStatus.SUCCESS
            and step.params.get(EFFECT_ID) in self.effects
            for step in plan.actions
        )

    def _note(self, record: Record) -> None:  # noqa: C901, PLR0912 - one case a type
        match record:
            case Goal():
                self._note_goal(record)
            case Plan():
                self._note_plan(record)
            case Decision():
                self._note_decision(record)
            case Prediction():
                self.predictions[record.kind] += 1
            case Alert():
                self.alerts.append(record)
                self.latest.append(record)
            case Suggestion():
                self.suggestions[record.entity_id] = record
            case Forecast():
                self.forecasts[record.entity_id, record.metric] = record
                if record.metric in self._compared:
                    self.intervals.forecast(record)
            case Action():
                self.actions.add(record.action_id)
            case Outcome():
                self.outcomes[record.action_id] = record
                self.latest.append(record)
            case DeadLetter():
                self.dead[record.reason] += 1
                self.latest.append(record)
            case Event():
                if EFFECT_ID in record.metadata:
                    self.effects.add(record.metadata[EFFECT_ID])
            case _:
                raise TypeError(f"no place for a {type(record).__name__}")

    def _note_goal(self, goal: Goal) -> None:
        known = self.goals.get(goal.goal_id)
        if known is not None and known.revision >= goal.revision:
            return
        self.goals[goal.goal_id] = goal
        if known is None or known.status.is_open != goal.status.is_open:
            self.latest.append(goal)

    def _note_plan(self, plan: Plan) -> None:
        known = self.plans.get(plan.plan_id)
        if known is None or known.revision < plan.revision:
            self.plans[plan.plan_id] = plan

    def _note_decision(self, decision: Decision) -> None:
        if decision.kind == CHOICE:
            known = self.choice
            if known is None or len(known.candidates) < 2 or len(decision.candidates) > 1:
                self.choice = decision
        elif decision.kind == VERIFICATION:
            self.verifications[decision.subject_id] = decision
            self.latest.append(decision)
