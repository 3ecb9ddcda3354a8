"""What is shown while the replay runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.clock import ReplayClock
from streams.demo.ledger import LATEST_KEPT, Ledger
from streams.demo.plant import Plant
from streams.demo.scenario import RESOURCES, Resource
from streams.demo.summary import is_ahead
from streams.records import DeadLetter, Goal, GoalOrigin, GoalStatus, Outcome, OutcomeStatus, Record

REFRESH_SECONDS = 0.25
LINE_SECONDS = 3.0
_STYLES = {
    GoalStatus.ACHIEVED: "green",
    GoalStatus.FAILED: "red",
    OutcomeStatus.SUCCESS: "green",
    OutcomeStatus.FAILURE: "red",
}


COLUMNS = {
    "resource": 9,
    "metric": 18,
    "now": 5,
    "limit": 5,
    "in 1 h": 12,
    "in 6 h": 12,
    "goal": 19,
    "suggested": 9,
    "units": 11,
    "actions": 7,
}
"""Least width of each column."""
_GAP = 3
_SPARE = ("actions", "metric", "suggested", "units")
"""Left out on a narrow terminal, in this order."""


def columns_for(width: int) -> list[str]:
    """The columns that a terminal of this width has room for."""
    shown = list(COLUMNS)
    for title in _SPARE:
        if sum(COLUMNS[each] + _GAP for each in shown) > width:
            shown.remove(title)
    return shown


class Screen:
    """Call ``tick`` as often as you like; it draws when it is time to."""

    def __init__(self, console: Console, ledger: Ledger, plant: Plant, clock: ReplayClock) -> None:
        self._console = console
        self._ledger = ledger
        self._plant = plant
        self._clock = clock
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._due = 0.0
        self._printed = 0
        """Goals that were printed as lines."""

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)
            self._live.stop()

    def tick(self) -> None:
        elapsed = self._clock.elapsed
        if elapsed < self._due:
            return
        if self._live is not None:
            self._due = elapsed + REFRESH_SECONDS
            self._live.update(self._picture(), refresh=True)
        else:
            self._due = elapsed + LINE_SECONDS
            for line in (*self._new_goals(), self._line()):
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _new_goals(self) -> list[str]:
        goals = list(self._ledger.goals.values())[self._printed :]
        self._printed += len(goals)
        return [
            f"{_short_time(goal.created_at or goal.timestamp)}  {goal.entity_id}: {_aim(goal)}"
            for goal in goals
        ]

    def _line(self) -> str:
        counts = self._ledger.counts
        status = Counter(goal.status for goal in self._ledger.goals.values())
        return (
            f"{_time(self._clock.now_ms())}  {self._clock.progress:4.0%}"
            f"  metrics {counts['metrics']:,}  forecasts {counts['forecasts']:,}"
            f"  goals {len(self._ledger.goals)} ({status[GoalStatus.ACHIEVED]} achieved,"
            f" {status[GoalStatus.FAILED]} failed)  suggestions {counts['suggestions']}"
            f"  outcomes {counts['outcomes']}  dead letters {counts['dead-letter']}"
        )

    # -- the table ----------------------------------------------------------------------------

    def _picture(self) -> Group:
        return Group(self._head(), self._resources(), self._latest())

    def _head(self) -> Table:
        counts, clock = self._ledger.counts, self._clock
        rate = counts["metrics"] / clock.elapsed if clock.elapsed else 0.0
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(_time(clock.now_ms()), "bold"),
            ProgressBar(total=1.0, completed=clock.progress, width=24),
            Text(f"{clock.hours_per_second:.0f} h/s, {rate:,.0f} metrics/s", "dim"),
        )
        totals = ("metrics", "forecasts", "suggestions", "actions", "outcomes")
        words = [f"{counts[topic]:,} {topic}" for topic in totals]
        words.append(f"{counts['dead-letter']} dead letters")
        outer = Table.grid()
        outer.add_row(head)
        outer.add_row(Text("  ".join(words), "dim"))
        return outer

    def _resources(self) -> Table:
        shown = columns_for(self._console.width)
        table = Table(box=box.SIMPLE_HEAD)
        for title in shown:
            align = "right" if title in ("now", "limit", "actions") else "left"
            table.add_column(title, justify=align, min_width=COLUMNS[title], no_wrap=True)
        for resource in RESOURCES:
            row = self._row(resource)
            table.add_row(*(row[title] for title in shown))
        return table

    def _row(self, resource: Resource) -> dict[str, Text | str]:
        entity = resource.entity_id
        now = self._plant.current(entity)
        style = "red" if now > resource.limit else "yellow" if now > resource.target else "green"
        outcomes = [o for o in self._ledger.outcomes.values() if o.entity_id == entity]
        return {
            "resource": entity,
            "metric": resource.metric,
            "now": Text(_number(now), style),
            "limit": _number(resource.limit),
            "in 1 h": self._forecast(resource, 12),
            "in 6 h": self._forecast(resource, 72),
            "goal": self._goal(entity),
            "suggested": self._suggested(resource),
            "units": f"{self._plant.units(entity)} {resource.unit_name}",
            "actions": f"{len(outcomes)}",
        }

    def _forecast(self, resource: Resource, step: int) -> Text:
        forecast = self._ledger.forecasts.get((resource.entity_id, resource.metric))
        if forecast is None or len(forecast.predictions) < step:
            return Text("-", "dim")
        mean, high = forecast.predictions[step - 1], forecast.upper[step - 1]
        style = "red" if mean > resource.limit else ""
        return Text(_number(mean), style).append(f" ±{_number(high - mean)}", "dim")

    def _goal(self, entity: str) -> Text:
        open_goals = self._ledger.open_goals(entity)
        if open_goals:
            goal = min(open_goals, key=lambda goal: goal.progress)
            more = f" +{len(open_goals) - 1}" if len(open_goals) > 1 else ""
            held = " held" if goal.met_since is not None else ""
            return Text(
                f"≤ {_number(goal.target_value)} {goal.progress:4.0%}{held}{more}", "yellow"
            )
        closed = [goal for goal in self._ledger.goals.values() if goal.entity_id == entity]
        if not closed:
            return Text("-", "dim")
        return Text(closed[-1].status.value, _STYLES.get(closed[-1].status, "dim"))

    def _suggested(self, resource: Resource) -> str:
        suggestion = self._ledger.suggestions.get(resource.entity_id)
        value = suggestion.values.get(resource.metric) if suggestion else None
        return "-" if value is None else _number(value)

    def _latest(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for record in self._ledger.latest:
            # A dead letter has the broker's time, which is not that of the replay.
            replayed = not isinstance(record, DeadLetter)
            time = _short_time(record.timestamp) if replayed else ""
            table.add_row(Text(time, "dim"), *_told(record))
        for _ in range(LATEST_KEPT - len(self._ledger.latest)):
            table.add_row("", "", "")
        return table


def _told(record: Record) -> tuple[Text, Text]:
    match record:
        case Goal() if record.status.is_open:
            return Text(record.entity_id), Text(_aim(record), "yellow")
        case Goal():
            text = f"goal {record.status}: {record.close_reason}"
            return Text(record.entity_id), Text(text, _STYLES.get(record.status, ""))
        case Outcome():
            said = json.loads(record.output) if record.output else record.error_message
            text = f"{record.action_type} {record.status}: {said}"
            return Text(record.entity_id), Text(text, _STYLES.get(record.status, ""))
        case DeadLetter():
            return Text("-"), Text(f"dead letter: {record.reason}", "magenta")
        case _:
            return Text(record.entity_id), Text(type(record).__name__)


def _aim(goal: Goal) -> str:
    who = "user" if goal.origin is GoalOrigin.USER else "engine"
    when = ", ahead of the breach" if who == "engine" and is_ahead(goal) else ""
    aim = f"{goal.target_metric} ≤ {goal.target_value:g} {goal.unit}".rstrip()
    return f"new goal of the {who}: {aim}{when}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%a %d %b %Y %H:%M}"


def _short_time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M}"
