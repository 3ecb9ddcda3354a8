"""The vocabulary: frozen, slotted records with ids, units and UTC millisecond times."""

from streams.records.action import Action
from streams.records.alert import Alert
from streams.records.base import Priority, Record, Severity
from streams.records.command import Command
from streams.records.deadletter import DeadLetter, Header
from streams.records.decision import Candidate, Decision
from streams.records.event import Event
from streams.records.feedback import Feedback, Observation
from streams.records.forecast import (
    Bottleneck,
    Forecast,
    Pattern,
    PatternType,
    Prediction,
    PredictionKind,
    ResourceDemand,
)
from streams.records.goal import (
    CauseKind,
    Direction,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    Trend,
)
from streams.records.loop import LoopEvent, LoopState
from streams.records.metric import Metric, Tag
from streams.records.outcome import Outcome, OutcomeStatus
from streams.records.plan import Plan, PlanPolicy, PlanStatus, PlanStep, StepStatus, Strategy
from streams.records.role import Role
from streams.records.suggestion import GoalAnalysis, Suggestion, SuggestionKind
from streams.records.system_state import SystemState

RECORD_TYPES: tuple[type[Record], ...] = (
    Metric,
    Event,
    Action,
    Goal,
    Plan,
    Suggestion,
    Feedback,
    Outcome,
    LoopEvent,
    Forecast,
    Prediction,
    Pattern,
    Alert,
    Command,
    Decision,
    DeadLetter,
)
"""Every record that travels on a topic; each has a schema of the same name."""

__all__ = [
    "RECORD_TYPES",
    "Action",
    "Alert",
    "Bottleneck",
    "Candidate",
    "CauseKind",
    "Command",
    "DeadLetter",
    "Decision",
    "Direction",
    "Event",
    "Feedback",
    "Forecast",
    "Goal",
    "GoalAnalysis",
    "GoalOrigin",
    "GoalStatus",
    "GoalType",
    "Header",
    "LoopEvent",
    "LoopState",
    "Metric",
    "Observation",
    "Outcome",
    "OutcomeStatus",
    "Pattern",
    "PatternType",
    "Plan",
    "PlanPolicy",
    "PlanStatus",
    "PlanStep",
    "Prediction",
    "PredictionKind",
    "Priority",
    "Record",
    "ResourceDemand",
    "Role",
    "Severity",
    "StepStatus",
    "Strategy",
    "Suggestion",
    "SuggestionKind",
    "SystemState",
    "Tag",
    "Trend",
]
