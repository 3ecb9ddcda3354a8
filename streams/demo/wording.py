"""What the demo says of records, for people."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime

from rich.text import Text

from streams.demo.ledger import Ledger
from streams.records import (
    Alert,
    DeadLetter,
    Decision,
    Goal,
    GoalOrigin,
    GoalStatus,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanStatus,
    Record,
    StepStatus,
)

STYLES = {
    GoalStatus.ACHIEVED: "green",
    GoalStatus.FAILED: "red",
    OutcomeStatus.SUCCESS: "green",
    OutcomeStatus.FAILURE: "red",
    PlanStatus.DONE: "green",
    PlanStatus.FAILED: "red",
    PlanStatus.RUNNING: "yellow",
    StepStatus.DONE: "green",
    StepStatus.FAILED: "red",
    StepStatus.RUNNING: "yellow",
}


def told(record: Record) -> tuple[Text, Text]:
    """Whom it is about, and what it says."""
    match record:
        case Goal() if record.status.is_open:
            return Text(record.entity_id), Text(aim(record), "yellow")
        case Goal():
            text = f"goal {record.status}: {record.close_reason}"
            return Text(record.entity_id), Text(text, STYLES.get(record.status, ""))
        case Outcome():
            said = json.loads(record.output) if record.output else record.error_message
            text = f"{record.action_type} {record.status}: {said}"
            return Text(record.entity_id), Text(text, STYLES.get(record.status, ""))
        case Decision():
            return Text(record.entity_id), Text(verified(record), "cyan")
        case Alert():
            return Text(record.entity_id), Text(f"alert: {record.summary}", "red")
        case DeadLetter():
            return Text("-"), Text(f"dead letter: {record.reason}", "magenta")
        case _:
            return Text(record.entity_id), Text(type(record).__name__)


def planned(plan: Plan) -> Text:
    """State, strategy, due time and steps of a plan, and why it waits or failed."""
    text = Text(f"{plan.entity_id}: ").append(plan.status.value, STYLES.get(plan.status, ""))
    text.append(f" {plan.strategy.value} {short_date(plan.scheduled_time)}")
    for place, step in enumerate(plan.actions, 1):
        text.append(f"  {place}. {step.name} ").append(
            step.status.value, STYLES.get(step.status, "dim")
        )
    return text.append(f"  {plan.reason}" if plan.reason else "", "dim")


def verified(decision: Decision) -> str:
    """What an action changed, beside what was expected of it."""
    found = decision.measured_effect
    change = "" if found is None else f"{found:+.4g} measured, "
    return (
        f"{decision.chosen} on {decision.expected_metric}: {change}{effect(decision)} expected: "
        f"{decision.reason}"
    )


def warned(alert: Alert) -> str:
    return f"{short_date(alert.timestamp)}  {alert.entity_id}: {alert.rule}: {alert.summary}"


def aim(goal: Goal) -> str:
    """What a new goal asks for, and who set it."""
    who = "user" if goal.origin is GoalOrigin.USER else "engine"
    when = ", ahead of the breach" if who == "engine" and is_ahead(goal) else ""
    text = f"{goal.target_metric} ≤ {goal.target_value:g} {goal.unit}".rstrip()
    return f"new goal of the {who}: {text}{when}"


def number(value: float) -> str:
    """Short; NaN is a dash."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def date(ms: int) -> str:
    """A moment, with the day of the week."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%a %d %b %Y %H:%M}"


def short_date(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M}"


def is_ahead(goal: Goal) -> bool:
    """Whether the engine set the goal before the limit was passed."""
    numbers = goal.cause_numbers
    return "limit" in numbers and numbers.get("current", 0.0) <= numbers["limit"]


def choice(decision: Decision | None) -> str:
    """A choice among candidates, with how probable each was; empty without one."""
    if decision is None:
        return ""
    candidates = ", ".join(
        f"{candidate.name} (score {candidate.score:.2f}, probability {candidate.propensity:.0%})"
        for candidate in decision.candidates
    )
    return (
        f"{decision.entity_id}: {decision.chosen} of {candidates}; expected "
        f"{decision.expected_metric} {effect(decision)}"
    )


def effect(decision: Decision) -> str:
    """The expected effect with its interval."""
    if decision.expected_effect is None:
        return "not known"
    if decision.expected_lower is None or decision.expected_upper is None:
        return f"{decision.expected_effect:+.4g}"
    return (
        f"{decision.expected_effect:+.4g} "
        f"({decision.expected_lower:+.4g} to {decision.expected_upper:+.4g})"
    )


def verdicts(ledger: Ledger) -> str:
    """How often each verdict about an action was given, the most frequent first."""
    counts = Counter(decision.reason for decision in ledger.verifications.values())
    return ", ".join(f"{verdict}: {count}" for verdict, count in counts.most_common())
