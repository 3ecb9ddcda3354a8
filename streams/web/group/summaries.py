"""What many rows say together: controls, counters, rates, goals, plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from statistics import fmean
from typing import Any

import msgspec

from streams.core.cycle.summary import Totals
from streams.core.execution.report import result
from streams.core.learning.insights import COMMON, Failure, Insights, LessonLearned, Rate
from streams.core.safety.config import lowest
from streams.core.safety.modes import Controls, Mode
from streams.records import GoalStatus, GoalType, PatternType, Plan, PlanStatus
from streams.web.group.source import AutonomyFacts
from streams.web.group.sweep import Swept, all_complete, all_unavailable

SHOWN = 20
"""Rows of a kind in a report."""
LESSONS = 20
_NOTHING = Controls()


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


class GoalTotals(msgspec.Struct, frozen=True, kw_only=True):
    total_goals: int
    """Goals set so far."""
    achieved_goals: int
    active_goals: int
    achievement_rate: float
    """Achieved of all that were set, 0..1; 0 when there were none."""
    by_type: dict[str, int]
    """Goals known now: open ones and lately closed ones."""
    by_status: dict[str, int]
    achievements: list[object]
    """The latest ones, the latest first."""


class PatternTotals(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    by_type: dict[str, int]
    patterns: list[object]
    """The surest ones, 20 at most."""


class ForecastingSummary(msgspec.Struct, frozen=True, kw_only=True):
    predictions: int
    """Breaches predicted now."""
    patterns: dict[str, int]
    """Known patterns by type."""
    last_analysis_time: int | None


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


def control_of(swept: Swept, facts: AutonomyFacts, partitions: int) -> Control:
    """What all of so many partitions permit, from the table ``control``."""
    said = [msgspec.convert(row, Controls) for row in swept.rows]
    newest = max(said, key=lambda one: one.changed_at or 0, default=_NOTHING)
    modes = lowest(Mode(facts.mode) if one.mode is None else one.mode for one in said)
    autonomous = all(
        facts.autonomous if one.autonomous is None else one.autonomous for one in said or [_NOTHING]
    )
    return Control(
        running=all(one.running for one in said),
        autonomous=autonomous,
        mode=Mode(facts.mode) if modes is None else modes,
        goal_types=newest.goal_types,
        loops=newest.loops,
        killed=next((one.killed for one in said if one.killed), ""),
        changed_by=newest.changed_by,
        changed_at=newest.changed_at,
        settled=swept.complete and len(said) == partitions and all(one == newest for one in said),
    )


def counters_of(swept: Swept) -> Totals:
    """Sums over the rows of the table ``autonomy``."""
    total = Totals()
    for row in swept.rows:
        one = msgspec.convert(row["counters"], Totals)
        for name in Totals.__struct_fields__:
            mine, its = getattr(total, name), getattr(one, name)
            if name.startswith("last_"):
                setattr(total, name, max((t for t in (mine, its) if t is not None), default=None))
            else:
                setattr(total, name, mine + its)
    return total


def counts(kinds: type[StrEnum], found: Iterable[str]) -> dict[str, int]:
    """How often each kind occurs, those that do not among them."""
    counter = Counter(found)
    return {kind.value: counter[kind.value] for kind in kinds}


def executor_of(found: Mapping[str, Swept]) -> ExecutorStatistics:
    """From the tables ``autonomy``, ``plans`` and ``learning``."""
    counted = counters_of(found["autonomy"])
    states = Counter(row["status"] for row in found["plans"].rows)
    parts = {name: found[name] for name in ("autonomy", "plans", "learning")}
    ended = counted.executions
    return ExecutorStatistics(
        total_executions=ended,
        successful_executions=counted.plans_done,
        failed_executions=ended - counted.plans_done,
        total_actions_executed=counted.actions_done,
        average_execution_time=counted.execution_ms / ended / 1000 if ended else None,
        last_execution_time=counted.last_execution,
        active_executions=states[PlanStatus.RUNNING],
        scheduled_plans=states[PlanStatus.SCHEDULED] + states[PlanStatus.WAITING],
        success_rate=counted.plans_done / ended if ended else None,
        action_success_rates=_rates(_insights(found["learning"])),
        complete=all_complete(parts),
        unavailable=all_unavailable(parts),
    )


def learning_of(swept: Swept, facts: AutonomyFacts) -> LearningInsights:
    """What the rows of the table ``learning`` say together."""
    told = _insights(swept)
    settled = [one.convergence for one in told if one.convergence is not None]
    lessons = sorted((one for each in told for one in each.lessons_learned), key=_recency)
    return LearningInsights(
        enabled=facts.learning,
        action_success_rates=_rates(told),
        best_strategies=_best(told),
        common_failures=_failures(told),
        lessons_learned=lessons[:LESSONS],
        convergence=fmean(settled) if settled else None,
        complete=swept.complete,
        unavailable=sorted(swept.unavailable),
    )


def goals_of(goals: Swept, achievements: Swept) -> GoalTotals:
    """From the tables ``goals`` and ``achievements``."""
    total = sum(row["total_goals"] for row in achievements.rows)
    achieved = sum(row["achieved_goals"] for row in achievements.rows)
    by_status = counts(GoalStatus, (row["status"] for row in goals.rows))
    latest = [one for row in achievements.rows for one in row["recent_achievements"]]
    latest.sort(key=lambda one: one["achievement_time"], reverse=True)
    return GoalTotals(
        total_goals=total,
        achieved_goals=achieved,
        active_goals=by_status["active"] + by_status["in_progress"],
        achievement_rate=achieved / total if total else 0.0,
        by_type=counts(GoalType, (row["goal_type"] for row in goals.rows)),
        by_status=by_status,
        achievements=latest[:SHOWN],
    )


def patterns_of(swept: Swept) -> PatternTotals:
    """From the table ``patterns``."""
    surest = sorted(swept.rows, key=lambda row: -row["confidence"])
    return PatternTotals(
        total=len(swept.rows),
        by_type=counts(PatternType, (row["pattern_type"] for row in swept.rows)),
        patterns=list(surest[:SHOWN]),
    )


def forecasting_of(found: Mapping[str, Swept]) -> ForecastingSummary:
    """From the tables ``predictions``, ``patterns`` and ``autonomy``."""
    return ForecastingSummary(
        predictions=len(found["predictions"].rows),
        patterns=patterns_of(found["patterns"]).by_type,
        last_analysis_time=counters_of(found["autonomy"]).last_analysis,
    )


def executions_of(plans: Iterable[Plan]) -> list[Execution]:
    """The plans that ended last, the latest first."""
    ended = [plan for plan in plans if plan.ended_at is not None and plan.started_at is not None]
    ended.sort(key=lambda plan: plan.ended_at or 0, reverse=True)
    return [_execution(plan) for plan in ended[:SHOWN]]


def next_plans(plans: Iterable[Plan]) -> list[Plan]:
    """Those that have not begun, the next one first."""
    waiting = [p for p in plans if p.status in (PlanStatus.SCHEDULED, PlanStatus.WAITING)]
    return sorted(waiting, key=lambda plan: (plan.scheduled_time, plan.plan_id))[:SHOWN]


def _execution(plan: Plan) -> Execution:
    came = result(plan)
    return Execution(
        plan_id=plan.plan_id,
        goal_id=plan.goal_id,
        entity_id=plan.entity_id,
        success=came.success,
        ended_at=plan.ended_at,
        execution_time_ms=came.execution_time_ms,
        actions_completed=came.actions_completed,
        actions_failed=came.actions_failed,
        lessons_learned=came.lessons_learned,
        reason=plan.reason,
    )


def _insights(swept: Swept) -> list[Insights]:
    return [msgspec.convert(row, Insights) for row in swept.rows]


def _rates(told: Sequence[Insights]) -> dict[str, Rate]:
    """Rates by action type over entities, each weighed by its samples."""
    samples, wins = Counter[str](), dict[str, float]()
    for one in told:
        for name, rate in one.action_success_rates.items():
            samples[name] += rate.samples
            wins[name] = wins.get(name, 0.0) + (rate.rate or 0.0) * rate.samples
    return {
        name: Rate(wins[name] / count if count else None, count)
        for name, count in sorted(samples.items())
    }


def _best(told: Sequence[Insights]) -> dict[str, str]:
    votes: dict[str, Counter[str]] = {}
    for one in told:
        for goal_type, strategy in one.best_strategies.items():
            votes.setdefault(goal_type, Counter())[strategy] += 1
    return {
        goal_type: min(counter, key=lambda name: (-counter[name], name))
        for goal_type, counter in sorted(votes.items())
    }


def _failures(told: Sequence[Insights]) -> list[Failure]:
    counter = Counter[str]()
    for one in told:
        for failure in one.common_failures:
            counter[failure.action] += failure.count
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return [Failure(name, count) for name, count in ranked[:COMMON]]


def _recency(lesson: LessonLearned) -> Any:
    return -lesson.at, lesson.action, lesson.text
