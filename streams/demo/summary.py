"""What the demo learned: the figures for programs and the sentences for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from streams.core.kernel.engine_events import ANOMALY_EVENT, DRIFT_EVENT
from streams.demo.intervals import Held
from streams.demo.learned import Successes, rates_told
from streams.demo.ledger import Ledger
from streams.demo.wording import choice, is_ahead, verdicts
from streams.records import (
    Decision,
    Goal,
    GoalOrigin,
    GoalStatus,
    GoalType,
    OutcomeStatus,
    PlanStatus,
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the replay took."""

    seconds: float
    """Wall time from the first record to the last answer."""
    cpu_seconds: float
    """CPU time of the whole process in between: broker, producers and readers included."""


def figures(ledger: Ledger, cost: Cost) -> dict[str, int | float]:
    """The figures that ``--json`` writes."""
    counts = ledger.counts
    events = counts["metrics"] + counts["events"] + counts["actions"]
    return {
        "metrics_in": counts["metrics"],
        "events_in": counts["events"],
        "forecasts_out": counts["forecasts"],
        "goals_out": counts["goals"],
        "suggestions_out": counts["suggestions"],
        "predictions_out": counts["predictions"],
        "plans_out": counts["plans"],
        "decisions_out": counts["decisions"],
        "actions_out": counts["actions"],
        "outcomes_out": counts["outcomes"],
        "alerts_out": counts["alerts"],
        "plans_made": len(ledger.plans),
        "plans_pursued": len(ledger.pursued()),
        "effects_measured": len(_measured(ledger)),
        "events_out": ledger.noticed.total(),
        "anomalies_out": ledger.noticed[ANOMALY_EVENT],
        "dead_letters": counts["dead-letter"],
        "seconds": round(cost.seconds, 2),
        "events_per_cpu_second": round(events / cost.cpu_seconds, 1) if cost.cpu_seconds else 0.0,
    }


def faults(ledger: Ledger, sent: Counter[str], bad: int) -> list[str]:
    """What is not as it must be after ``sent`` records by topic and ``bad`` unusable messages."""
    counts = ledger.counts
    found = [
        f"{topic}: {sent[topic]} sent, {counts[topic]} on the topic"
        for topic in ("metrics", "events")
        if counts[topic] != sent[topic]
    ]
    if counts["dead-letter"] != bad:
        found.append(f"{bad} bad records sent, {counts['dead-letter']} dead letters")
    if ledger.unanswered or counts["outcomes"] != counts["actions"]:
        found.append(f"{counts['actions']} actions, {counts['outcomes']} outcomes")
    if not ledger.pursued():
        found.append("no goal of the engine was pursued all the way to a measured effect")
    silent = (
        "metrics",
        "events",
        "forecasts",
        "predictions",
        "goals",
        "suggestions",
        "plans",
        "decisions",
        "actions",
        "outcomes",
    )
    found += [f"no {topic}" for topic in silent if not counts[topic]]
    return found


def sentences(
    ledger: Ledger, cost: Cost, bad: int, level: float, rates: dict[str, Successes]
) -> dict[str, str]:
    """One line a subject. ``rates`` are the success rates that the engine learned."""
    counts = ledger.counts
    given = figures(ledger, cost)
    reasons = ", ".join(sorted(ledger.dead))
    return {
        "goals": _goals(list(ledger.goals.values())),
        "plans": _plans(ledger),
        "decision": choice(ledger.choice) or "none",
        "effects": _effects(ledger),
        "learned": rates_told(rates) or "nothing yet",
        "alerts": _alerts(ledger),
        "intervals": _intervals(ledger, level),
        "noticed": f"{ledger.noticed[ANOMALY_EVENT]} anomalies, "
        f"{ledger.noticed[DRIFT_EVENT]} drifts of the forecasts",
        "suggestions": f"{counts['suggestions']:,}: for new goals, and actions while one is open",
        "outcomes": f"{counts['outcomes']} of {counts['actions']} actions: {_by_status(ledger)}",
        "dead letters": f"{counts['dead-letter']} of {bad} bad records: {reasons}",
        "throughput": (
            f"{counts['metrics']:,} metrics, {counts['events']} events, {counts['actions']} "
            f"actions in {cost.seconds:.1f} s, the pace of the replay; "
            f"{given['events_per_cpu_second']:,.0f} a CPU-second, broker and all included"
        ),
    }


def panel(lines: dict[str, str]) -> Table:
    """The sentences as people read them."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for subject, line in lines.items():
        table.add_row(subject, Text(line))
    return table


def _goals(goals: list[Goal]) -> str:
    own = [goal for goal in goals if goal.origin is GoalOrigin.AUTONOMOUS]
    saving = sum(goal.goal_type is GoalType.COST_REDUCTION for goal in own)
    ahead = sum(map(is_ahead, own))
    status = Counter(goal.status for goal in goals)
    still_open = sum(goal.status.is_open for goal in goals)
    parts = [
        f"{status[GoalStatus.ACHIEVED]} achieved by measurement",
        f"{status[GoalStatus.FAILED]} failed",
        f"{status[GoalStatus.CANCELLED]} cancelled" if status[GoalStatus.CANCELLED] else "",
        f"{still_open} still open",
    ]
    return (
        f"{len(goals)}: {ahead} set ahead of a predicted breach, "
        f"{len(own) - ahead - saving} at the breach, {saving} to give back units, "
        f"{len(goals) - len(own)} asked for by a user; " + ", ".join(filter(None, parts))
    )


def _plans(ledger: Ledger) -> str:
    status = Counter(plan.status for plan in ledger.plans.values())
    steps = Counter(step.name for plan in ledger.plans.values() for step in plan.actions)
    by_status = ", ".join(f"{status[each]} {each}" for each in PlanStatus if status[each])
    by_step = ", ".join(f"{count} {name}" for name, count in sorted(steps.items()))
    return f"{len(ledger.plans)}: {by_status}; steps: {by_step}"


def _measured(ledger: Ledger) -> list[Decision]:
    found = ledger.verifications.values()
    return [decision for decision in found if decision.measured_effect is not None]


def _effects(ledger: Ledger) -> str:
    own = len(ledger.pursued())
    return (
        f"{len(_measured(ledger))} measured, {own} of them for goals of the engine; "
        f"{verdicts(ledger)}"
    )


def _alerts(ledger: Ledger) -> str:
    rules = Counter(alert.rule for alert in ledger.alerts)
    return ", ".join(f"{count} {rule}" for rule, count in sorted(rules.items())) or "none"


def _intervals(ledger: Ledger, level: float) -> str:
    first, last = ledger.intervals.next_step(), ledger.intervals.last_step()
    return (
        f"{level:.0%} promised; {_held(first)} one step ahead, {_held(last)} six hours ahead, "
        "actions in between included"
    )


def _held(held: Held) -> str:
    return f"{held.share:.1%} of {held.compared:,} held" if held.compared else "none compared"


def _by_status(ledger: Ledger) -> str:
    counts = Counter(outcome.status for outcome in ledger.outcomes.values())
    return ", ".join(f"{counts[status]} {status}" for status in OutcomeStatus if counts[status])
