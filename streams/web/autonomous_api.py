"""The routes of the autonomous API, and those of the forecasting API that belong to goals."""

from __future__ import annotations

from streams.core.goals.explanation import Explanation
from streams.records import Goal, Plan
from streams.web.answers import ErrorBody
from streams.web.autonomous import Autonomous
from streams.web.autonomous_goals import AutonomousGoals
from streams.web.commands import Commands, RequestedAnswer
from streams.web.control import ControlPanel
from streams.web.control_messages import (
    AnalysisRequest,
    ExecutorStatistics,
    ForecastingReport,
    KillAnswer,
    KillRequest,
    LearningInsights,
    LiveCounts,
    LiveRequest,
    ModeAnswer,
    ModeRequest,
    ReportAnswer,
    ScopeRequest,
    StatusAnswer,
)
from streams.web.diagnosis import Diagnosis, DiagnosisAnswer
from streams.web.entity_rows import EntityRows
from streams.web.export import Export, ExportAnswer, ExportRequest
from streams.web.forecast_messages import PredictionsAnswer, PredictionsRequest
from streams.web.forecast_rows import ForecastRows
from streams.web.forecasting import PREFIX as FORECASTING
from streams.web.goal_messages import (
    ExecuteRequest,
    GoalChange,
    GoalMessage,
    OpenGoalsAnswer,
    OpenGoalsRequest,
    PlansAnswer,
    PlansRequest,
    Said,
    Signed,
)
from streams.web.ingest import Ingest, SystemEventMessage, SystemMetricMessage, WrittenAnswer
from streams.web.openapi import Endpoint, Handler
from streams.web.plans import Plans
from streams.web.rows import Rows
from streams.web.source import ViewSource
from streams.web.sweep import Sweep

PREFIX = "/api/autonomous"
_GOAL, _PLAN = "goals/{entity_id}/{goal_id}", "plans/{entity_id}/{plan_id}"


def autonomous_endpoints(
    source: ViewSource, rows: Rows, ingest: Ingest, *, writable: bool
) -> list[Endpoint]:
    """Those of one path stand together. The ones that write refuse unless ``writable``."""
    sweep, commands = Sweep(source, rows), Commands(source, writable=writable)
    found = EntityRows(rows, sweep)
    goals, reads = AutonomousGoals(sweep, found, commands), Autonomous(source, sweep)
    panel = ControlPanel(source, rows, sweep, commands)
    return [
        *_reading(reads, Diagnosis(source, sweep), ForecastRows(rows)),
        *_goals(goals),
        *_plans(Plans(sweep, found, commands)),
        *_control(panel),
        *_ingest(ingest),
        *_forecasting(goals, reads, panel, Export(rows)),
    ]


def _get(
    path: str, handler: Handler, summary: str, answers: type, asks: type | None = None
) -> Endpoint:
    return Endpoint("GET", f"{PREFIX}/{path}", handler, summary, answers, asks)


def _post(path: str, handler: Handler, summary: str, asks: type) -> Endpoint:
    """A request that becomes a record."""
    return Endpoint("POST", f"{PREFIX}/{path}", handler, summary, RequestedAnswer, asks, 202)


def _reading(reads: Autonomous, checks: Diagnosis, stored: ForecastRows) -> list[Endpoint]:
    executor = "executor"
    return [
        _get("status", reads.status, "how it stands", StatusAnswer, ScopeRequest),
        _get("report", reads.report, "everything at once", ReportAnswer, ScopeRequest),
        _get(
            f"{executor}/statistics",
            reads.executor_statistics,
            "plans carried out",
            ExecutorStatistics,
            ScopeRequest,
        ),
        _get(
            f"{executor}/insights",
            reads.executor_insights,
            "what was learned",
            LearningInsights,
            ScopeRequest,
        ),
        _get("diagnosis", checks.diagnosis, "what is missing", DiagnosisAnswer, ScopeRequest),
        _get(
            "predictions",
            stored.predictions,
            "latest predictions",
            PredictionsAnswer,
            PredictionsRequest,
        ),
        Endpoint(
            "GET",
            f"{PREFIX}/live",
            reads.live,
            "counts of goals as they change",
            LiveCounts,
            LiveRequest,
            media_type="text/event-stream",
        ),
    ]


def _goals(goals: AutonomousGoals) -> list[Endpoint]:
    return [
        _get("goals", goals.open_goals, "open goals", OpenGoalsAnswer, OpenGoalsRequest),
        _post("goals", goals.create, "create a goal", GoalMessage),
        _get("goals/{goal_id}", goals.goal, "a goal by its id", Goal),
        _get(_GOAL, goals.goal, "a goal", Goal),
        Endpoint(
            "PATCH",
            f"{PREFIX}/{_GOAL}",
            goals.change,
            "change a goal",
            RequestedAnswer,
            GoalChange,
            202,
        ),
        _post(f"{_GOAL}/cancel", goals.cancel, "cancel a goal", Said),
        _post(f"{_GOAL}/execute", goals.execute, "ask for a plan now", ExecuteRequest),
        _get(f"{_GOAL}/explanation", goals.explanation, "why the goal exists", Explanation),
        _get(f"{_GOAL}/plan", goals.plan, "latest plan of a goal", Plan),
    ]


def _plans(plans: Plans) -> list[Endpoint]:
    return [
        _get("plans", plans.plans, "plans", PlansAnswer, PlansRequest),
        _get("approvals", plans.approvals, "plans to be approved", PlansAnswer, ScopeRequest),
        _get(_PLAN, plans.plan, "a plan", Plan),
        _post(f"{_PLAN}/approve", plans.approve, "approve a plan", Signed),
        _post(f"{_PLAN}/reject", plans.reject, "reject a plan", Signed),
    ]


def _control(panel: ControlPanel) -> list[Endpoint]:
    return [
        _get("mode", panel.mode, "what is permitted", ModeAnswer, ScopeRequest),
        _post("mode", panel.set_mode, "permit more or less", ModeRequest),
        _post("control/start", panel.start, "start the agent", Said),
        _post("control/stop", panel.stop, "stop the agent", Said),
        _post("analysis/trigger", panel.analyse, "ask for an analysis now", AnalysisRequest),
        _kill("control/kill", panel.kill, "stop everything at once", KillRequest),
        _kill("control/release", panel.release, "take the stop back", Said),
    ]


def _kill(path: str, handler: Handler, summary: str, asks: type) -> Endpoint:
    return Endpoint("POST", f"{PREFIX}/{path}", handler, summary, KillAnswer, asks, 202)


def _ingest(ingest: Ingest) -> list[Endpoint]:
    return [
        Endpoint(
            "POST",
            f"{PREFIX}/metrics",
            ingest.system_metric,
            "write a metric",
            WrittenAnswer,
            SystemMetricMessage,
            202,
        ),
        Endpoint(
            "POST",
            f"{PREFIX}/events",
            ingest.system_event,
            "write an event",
            WrittenAnswer,
            SystemEventMessage,
            202,
        ),
    ]


def _forecasting(
    goals: AutonomousGoals, reads: Autonomous, panel: ControlPanel, export: Export
) -> list[Endpoint]:
    """What the forecasting API says of goals beyond its own tables."""
    path = f"{FORECASTING}/goals"
    execute = [
        Endpoint(
            "POST", at, goals.execute, "ask for a plan now", RequestedAnswer, ExecuteRequest, 202
        )
        for at in (f"{path}/{{goal_id}}/execute", f"{path}/{{entity_id}}/{{goal_id}}/execute")
    ]
    return [
        Endpoint(
            "POST",
            f"{path}/analyze",
            panel.analyse,
            "ask for an analysis now",
            RequestedAnswer,
            AnalysisRequest,
            202,
        ),
        *execute,
        Endpoint(
            "PUT",
            f"{path}/{{goal_id:path}}/progress",
            goals.refuse_progress,
            "refused: progress follows measurements",
            ErrorBody,
            status=409,
        ),
        Endpoint(
            "GET",
            f"{FORECASTING}/report",
            reads.forecasting_report,
            "forecasts, patterns and goals in one",
            ForecastingReport,
            ScopeRequest,
        ),
        Endpoint(
            "POST",
            f"{FORECASTING}/export",
            export.export,
            "goals and patterns as commands",
            ExportAnswer,
            ExportRequest,
        ),
    ]
