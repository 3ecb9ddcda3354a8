"""Why nothing happens: every condition of the way from a metric to a learned effect, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from streams.core.learning.insights import Insights
from streams.records import Goal, Plan, PlanStatus, StepStatus
from streams.web.group.records import as_record
from streams.web.group.rows import ScopeRequest
from streams.web.group.source import AutonomyFacts, ViewSource
from streams.web.group.summaries import Control, control_of, counters_of
from streams.web.group.sweep import Sweep, Swept, all_complete, all_unavailable
from streams.web.http.requests import now_ms
from streams.web.http.routing import AUTONOMOUS, at

_TABLES = ("metric_state", "goals", "plans", "predictions", "learning", "autonomy", "control")
_NAMED = 5
"""Names that one check lists."""
_SKEW_MS = 60_000
_Found = Mapping[str, Swept]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition."""

    area: str
    """goals, execution or learning."""
    check: str
    """Stable name."""
    ok: bool
    detail: str
    """What was found, with its numbers."""
    need: float | None = None
    have: float | None = None
    remedy: str = ""
    """What to do; empty when it is met."""


class DiagnosisAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at."""

    timestamp: int
    ok: bool
    """Whether all conditions are met."""
    failing: list[str]
    """Names of the checks that are not met."""
    checks: list[Condition]
    complete: bool
    unavailable: list[str]


class Diagnosis:
    """The route that says what is missing; handlers are those of the worker that is asked."""

    def __init__(self, source: ViewSource, sweep: Sweep) -> None:
        self._source = source
        self._sweep = sweep

    @at("GET", f"{AUTONOMOUS}/diagnosis")
    async def diagnosis(self, query: ScopeRequest, local: bool) -> DiagnosisAnswer:
        """What is missing on the way from a metric to a learned effect."""
        of_entity = [table for table in _TABLES if table != "control"]
        found = {
            **await self._sweep.read(of_entity, query.entity_id, local=local),
            **await self._sweep.read(["control"], local=local),
        }
        facts, now = self._source.autonomy(), now_ms()
        control = control_of(found["control"], facts, self._source.partition_count())
        checks = [
            *_goals(found, facts, control, now),
            *_execution(found, facts, control, self._source.halted()),
            *_learning(found["learning"], facts),
        ]
        return DiagnosisAnswer(
            timestamp=now,
            ok=all(check.ok for check in checks),
            failing=[check.check for check in checks if not check.ok],
            checks=checks,
            complete=all_complete(found),
            unavailable=all_unavailable(found),
        )


def _goals(found: _Found, facts: AutonomyFacts, control: Control, now: int) -> Iterator[Condition]:
    """Why no goals are set."""
    yield _metrics(found["metric_state"], facts, now)
    yield _condition(
        "goals",
        "auto_goal_setting",
        facts.auto_goal_setting,
        f"goals.auto_goal_setting is {str(facts.auto_goal_setting).lower()}",
        "set goals.auto_goal_setting to true",
    )
    yield _condition(
        "goals",
        "autonomous_mode",
        control.autonomous,
        f"autonomous is {str(control.autonomous).lower()}",
        "POST /api/autonomous/mode with autonomous true",
    )
    yield _condition(
        "goals",
        "agent_running",
        control.running,
        "the agent runs" if control.running else "the agent is stopped",
        "POST /api/autonomous/control/start",
    )
    last = counters_of(found["autonomy"]).last_analysis
    hours = facts.analysis_ms / 3_600_000
    yield _condition(
        "goals",
        "analysis",
        last is not None,
        f"one is due every {hours:g} h of event time, the last was at {last}",
        "POST /api/autonomous/analysis/trigger, or lower forecasting.interval_seconds",
    )
    yield from _thresholds(found["predictions"], facts)


def _metrics(swept: Swept, facts: AutonomyFacts, now: int) -> Condition:
    newest = max((row.get("timestamp") or 0 for row in swept.rows), default=0)
    age = now - newest
    late = 2 * max(facts.analysis_ms, _SKEW_MS)
    if not newest:
        detail = "no metric has arrived"
    else:
        detail = f"{len(swept.rows)} series, the newest value is {age / 1000:.0f} s old"
    return _condition(
        "goals",
        "metrics_arriving",
        bool(newest) and age <= late,
        detail,
        "POST /api/autonomous/metrics, or check the producers and the clock of their timestamps",
    )


def _thresholds(swept: Swept, facts: AutonomyFacts) -> Iterator[Condition]:
    known = ", ".join(sorted(facts.limits)) or "none"
    yield _condition(
        "goals",
        "limits",
        bool(facts.limits),
        f"metrics with a limit: {known}",
        "set metrics.NAME.capacity",
    )
    highest = max((row["probability"] for row in swept.rows), default=0.0)
    need = facts.breach_probability
    yield _condition(
        "goals",
        "thresholds",
        highest >= need,
        f"the likeliest predicted breach has probability {highest:.2f}; goals begin at {need:g}",
        "nothing is to be done while no limit is near; else lower goals.breach_probability or "
        "metrics.NAME.limit_ratio",
        need=need,
        have=highest,
    )


def _execution(
    found: _Found, facts: AutonomyFacts, control: Control, halted: str
) -> Iterator[Condition]:
    """Why goals are not pursued."""
    killed = halted or control.killed
    yield _condition(
        "execution",
        "kill_switch",
        not killed,
        f"it is on: {killed}" if killed else "it is off",
        "POST /api/autonomous/control/release",
    )
    yield _condition(
        "execution",
        "mode",
        control.mode.rank > 1,
        f"mode is {control.mode.value}",
        "POST /api/autonomous/mode with mode approve or act",
    )
    plans = [as_record(row, Plan) for row in found["plans"].rows]
    goals = [as_record(row, Goal) for row in found["goals"].rows]
    missing = _without_handler(plans, goals, facts)
    yield _condition(
        "execution",
        "handlers",
        not missing,
        f"no handler on this worker for {_some(missing)}"
        if missing
        else "every action has a handler, or an agent of its own",
        "register a handler (worker.handlers), or name the agent that carries the action out",
    )
    waiting = [plan for plan in plans if plan.status is PlanStatus.WAITING]
    yield _condition(
        "execution",
        "waiting_plans",
        not waiting,
        f"{len(waiting)} plans wait: {_some(plan.reason or 'no reason' for plan in waiting)}"
        if waiting
        else "no plan waits",
        "GET /api/autonomous/approvals lists those that wait for a person",
    )
    failed = [plan for plan in plans if plan.status is PlanStatus.FAILED]
    yield _condition(
        "execution",
        "errors",
        not failed,
        f"{len(failed)} plans failed lately: {_some(_errors(failed))}"
        if failed
        else "no plan failed lately",
        "GET /api/autonomous/plans?status=failed tells the steps and their errors",
    )


def _learning(swept: Swept, facts: AutonomyFacts) -> Iterator[Condition]:
    """Why little is learned."""
    yield _condition(
        "learning",
        "enable_learning",
        facts.learning,
        f"learning.enabled is {str(facts.learning).lower()}",
        "set learning.enabled to true",
    )
    told = [msgspec.convert(row, Insights) for row in swept.rows]
    have = sum(one.success_rate.samples for one in told)
    yield _condition(
        "learning",
        "outcomes",
        have >= facts.min_samples,
        f"need {facts.min_samples} outcomes of actions, have {have}",
        "publish outcomes with the action_id and a final status",
        need=facts.min_samples,
        have=have,
    )
    samples: dict[str, int] = {}
    for one in told:
        for name, rate in one.action_success_rates.items():
            samples[name] = samples.get(name, 0) + rate.samples
    for name, count in sorted(samples.items()):
        yield _condition(
            "learning",
            f"samples:{name}",
            count >= facts.min_samples,
            f"{name}: need {facts.min_samples} outcomes, have {count}",
            "wait for more outcomes, or lower learning.min_samples",
            need=facts.min_samples,
            have=count,
        )
    effects = sum(effect.samples for one in told for effect in one.impact.values())
    yield _condition(
        "learning",
        "impact_metrics",
        effects > 0,
        f"{effects} effects of plans were measured",
        "keep sending the goals' target metrics after a plan has ended",
        need=1,
        have=effects,
    )


def _without_handler(
    plans: Iterable[Plan], goals: Iterable[Goal], facts: AutonomyFacts
) -> list[str]:
    """Action types that plans or open goals ask for, or the catalogue offers, and nobody has."""
    steps = [step for plan in plans for step in plan.actions]
    remote = {step.name for step in steps if step.agent}
    wanted = {name for goal in goals if goal.status.is_open for name in goal.actions}
    asked = wanted | facts.actions | {step.name for step in steps}
    return sorted(asked - remote - facts.handlers)


def _errors(plans: Iterable[Plan]) -> list[str]:
    return [
        f"{step.name}: {step.error or 'no reason'}"
        for plan in plans
        for step in plan.actions
        if step.status is StepStatus.FAILED
    ]


def _some(names: Iterable[str]) -> str:
    """The first few of the names, and how many more there are."""
    all_ = list(dict.fromkeys(names))
    more = f" and {len(all_) - _NAMED} more" if len(all_) > _NAMED else ""
    return ", ".join(all_[:_NAMED]) + more


def _condition(
    area: str, check: str, ok: bool, detail: str, remedy: str, **numbers: Any
) -> Condition:
    return Condition(
        area=area, check=check, ok=ok, detail=detail, remedy="" if ok else remedy, **numbers
    )
