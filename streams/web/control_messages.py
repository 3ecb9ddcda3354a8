"""What is asked and answered about the engine as a whole under ``/api/autonomous``."""

from __future__ import annotations

import msgspec

from streams.core.learning.insights import Failure, LessonLearned, Rate
from streams.core.safety.modes import Mode
from streams.records import GoalType, Plan
from streams.web.goal_messages import Text
from streams.web.requests import Message, Name

_ENTITY_ALIASES = {"entity": "entity_id"}


class ScopeRequest(Message, frozen=True, kw_only=True):
    """Of whom something is asked."""

    aliases = _ENTITY_ALIASES
    entity_id: Name | None = None
    """Of this entity; without it of all."""


class AnalysisRequest(Message, frozen=True, kw_only=True):
    """Whom to analyse now."""

    aliases = _ENTITY_ALIASES
    entity_id: Name | None = None
    """Without it all entities."""
    by: Text = ""


class ModeRequest(Message, frozen=True, kw_only=True):
    """What the engine may do by itself from now on."""

    aliases = _ENTITY_ALIASES
    autonomous: bool | None = None
    """Whether goals are set without a person; false is manual mode."""
    mode: str = ""
    """observe, recommend, approve, act; or default, which takes back what was set before."""
    goal_type: str = ""
    """The mode is meant for goals of this type alone; * for all that are not named."""
    loop: str = ""
    """The mode is meant for this loop alone; * for all that are not named."""
    entity_id: Name | None = None
    """For this entity alone; without it for all."""
    by: Text = ""


class KillRequest(Message, frozen=True, kw_only=True):
    """Why nothing is to be done any more."""

    reason: Name
    by: Text = ""


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What operators permit, as the partitions have applied it."""

    running: bool
    """Whether the agent runs on every partition."""
    autonomous: bool
    """Whether goals are set and pursued without a person, on every partition."""
    mode: Mode
    """The most that is permitted; the lowest of all partitions."""
    goal_types: dict[str, Mode]
    """What was set by command for goals of a type."""
    loops: dict[str, Mode]
    killed: str
    """Why the kill switch is on; empty while it is off."""
    changed_by: str
    changed_at: int | None
    settled: bool
    """Whether every partition was looked at and all say the same."""


class ModeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is permitted, of the whole system and of one entity."""

    system: Control
    entity: object = None
    """Row of the table autonomy; null without an entity, or when nothing is known of it."""


class KillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """State of the kill switch."""

    halted: str
    """Why no action of a plan starts on the worker that answers; empty when they do."""
    everywhere: bool
    """Whether all workers were told, which needs the broker."""
    message: str
    timestamp: int


class AgentStatistics(msgspec.Struct, frozen=True, kw_only=True):
    uptime_seconds: float
    """Of the worker that answers."""
    goals_created: int
    goals_executed: int
    """Plans that were carried out and ended."""
    goals_achieved: int
    total_predictions: int
    """Predictions made so far."""
    total_actions: int
    """Actions of plans that ended, whatever came of them."""
    start_time: int
    """Of the worker that answers, ms."""


class ForecastingSummary(msgspec.Struct, frozen=True, kw_only=True):
    predictions: int
    """Breaches predicted now."""
    patterns: dict[str, int]
    """Known patterns by type."""
    last_analysis_time: int | None


class ExecutorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over entities."""

    total_executions: int
    """Plans that were carried out and ended."""
    successful_executions: int
    failed_executions: int
    total_actions_executed: int
    """Actions of plans that succeeded."""
    average_execution_time: float | None
    """Seconds a plan; null before the first."""
    last_execution_time: int | None
    """When the latest plan ended, ms."""
    active_executions: int
    scheduled_plans: int
    """Those that wait among them."""
    success_rate: float | None
    """0..1 of the plans carried out; null before the first."""
    action_success_rates: dict[str, Rate]
    complete: bool
    unavailable: list[str]


class LearningInsights(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned from outcomes, over entities."""

    enabled: bool
    action_success_rates: dict[str, Rate]
    """By action type, of the latest outcomes."""
    best_strategies: dict[str, str]
    """By goal type: the strategy that is best for most entities."""
    common_failures: list[Failure]
    """The most frequent first."""
    lessons_learned: list[LessonLearned]
    """The latest first."""
    convergence: float | None
    """How settled the success rates are, 0..1: the mean over entities; null before any are."""
    complete: bool
    unavailable: list[str]


class StatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The engine at a glance."""

    running: bool
    autonomous_mode: bool
    mode: Mode
    control: Control
    halted: str
    """Why no action of a plan starts on the worker that answers; empty when they do."""
    uptime_seconds: float
    statistics: AgentStatistics
    active_goals: int
    goals_by_priority: dict[str, int]
    forecasting: ForecastingSummary
    executor: ExecutorStatistics
    last_analysis_time: int | None
    """Event time, ms; null before the first."""
    complete: bool
    """Whether nothing is missing."""
    unavailable: list[str]


class GoalTotals(msgspec.Struct, frozen=True, kw_only=True):
    total_goals: int
    """Goals set so far."""
    achieved_goals: int
    active_goals: int
    achievement_rate: float
    """Achieved of all that were set, 0..1; 0 when there were none."""
    by_type: dict[GoalType, int]
    """Goals known now: open ones and lately closed ones."""
    by_status: dict[str, int]
    achievements: list[object]
    """The latest ones, the latest first."""


class PatternTotals(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    by_type: dict[str, int]
    patterns: list[object]
    """The surest ones, 20 at most."""


class ForecastingReport(msgspec.Struct, frozen=True, kw_only=True):
    timestamp: int
    statistics: ForecastingSummary
    patterns: PatternTotals
    prediction: object
    """The worst predicted state, of all entities or of the one asked for; null without any."""
    goals: GoalTotals
    capacity_report: object
    complete: bool
    unavailable: list[str]


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan."""

    plan_id: str
    goal_id: str
    entity_id: str
    success: bool
    ended_at: int | None
    execution_time_ms: int
    actions_completed: tuple[str, ...]
    actions_failed: tuple[str, ...]
    lessons_learned: tuple[str, ...]
    reason: str


class ExecutorState(msgspec.Struct, frozen=True, kw_only=True):
    statistics: ExecutorStatistics
    scheduled_plans: list[Plan]
    """The next ones, 20 at most."""
    recent_executions: list[Execution]
    """The latest first, 20 at most."""
    learning_insights: LearningInsights
    running: bool


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at once."""

    agent_status: StatusAnswer
    goals: GoalTotals
    forecasting_report: ForecastingReport
    executor_state: ExecutorState
    learning_insights: LearningInsights
    complete: bool
    unavailable: list[str]


class LiveCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the live view."""

    timestamp: int
    active_goals: int
    goals_created: int
    goals_achieved: int
    complete: bool


class LiveRequest(ScopeRequest, frozen=True, kw_only=True):
    """How often the live view says something."""

    seconds: float = 10.0
    """Between two lines, 1 to 3600."""
