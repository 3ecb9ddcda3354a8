"""What is shown while the replay runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.clock import ReplayClock
from streams.demo.learned import Successes, rates_told
from streams.demo.ledger import LATEST_KEPT, Ledger
from streams.demo.plant import Plant
from streams.demo.scenario import RESOURCES, Resource
from streams.demo.wording import (
    STYLES,
    aim,
    choice,
    date,
    number,
    planned,
    short_date,
    told,
    verdicts,
    verified,
    warned,
)
from streams.records import DeadLetter, GoalStatus

REFRESH_SECONDS = 0.25
LINE_SECONDS = 3.0
PLANS_SHOWN = 2
LABEL_WIDTH = 9
MOMENT_WIDTH = 12

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

    def __init__(
        self,
        console: Console,
        ledger: Ledger,
        plant: Plant,
        clock: ReplayClock,
        rates: Callable[[], dict[str, Successes]],
    ) -> None:
        """``rates`` are the success rates that the engine has learned so far."""
        self._rates = rates
        self._console = console
        self._ledger = ledger
        self._plant = plant
        self._clock = clock
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._due = 0.0
        self._printed = 0
        """Goals that were printed as lines."""
        self._told = 0
        """Verifications that were printed as lines."""

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
            for line in (*self._new_goals(), *self._new_effects(), self._line()):
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _new_goals(self) -> list[str]:
        goals = list(self._ledger.goals.values())[self._printed :]
        self._printed += len(goals)
        return [
            f"{short_date(goal.created_at or goal.timestamp)}  {goal.entity_id}: {aim(goal)}"
            for goal in goals
        ]

    def _new_effects(self) -> list[str]:
        found = list(self._ledger.verifications.values())[self._told :]
        self._told += len(found)
        return [
            f"{short_date(each.timestamp)}  {each.entity_id}: {verified(each)}" for each in found
        ]

    def _line(self) -> str:
        counts = self._ledger.counts
        status = Counter(goal.status for goal in self._ledger.goals.values())
        return (
            f"{date(self._clock.now_ms())}  {self._clock.progress:4.0%}"
            f"  metrics {counts['metrics']:,}  forecasts {counts['forecasts']:,}"
            f"  goals {len(self._ledger.goals)} ({status[GoalStatus.ACHIEVED]} achieved,"
            f" {status[GoalStatus.FAILED]} failed)  plans {len(self._ledger.plans)}"
            f"  effects {len(self._ledger.verifications)}"
            f"  outcomes {counts['outcomes']}  dead letters {counts['dead-letter']}"
        )

    # -- the table ----------------------------------------------------------------------------

    def _picture(self) -> Group:
        return Group(self._head(), self._resources(), self._agent(), self._latest())

    def _head(self) -> Table:
        counts, clock = self._ledger.counts, self._clock
        rate = counts["metrics"] / clock.elapsed if clock.elapsed else 0.0
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(date(clock.now_ms()), "bold"),
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
            "now": Text(number(now), style),
            "limit": number(resource.limit),
            "in 1 h": self._forecast(resource, 12),
            "in 6 h": self._forecast(resource, 72),
            "goal": self._goal(resource),
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
        return Text(number(mean), style).append(f" ±{number(high - mean)}", "dim")

    def _goal(self, resource: Resource) -> Text:
        about = [
            goal
            for goal in self._ledger.goals.values()
            if goal.entity_id == resource.entity_id and goal.target_metric == resource.metric
        ]
        open_goals = [goal for goal in about if goal.status.is_open]
        if open_goals:
            goal = min(open_goals, key=lambda goal: goal.progress)
            more = f" +{len(open_goals) - 1}" if len(open_goals) > 1 else ""
            held = " held" if goal.met_since is not None else ""
            return Text(f"≤ {number(goal.target_value)} {goal.progress:4.0%}{held}{more}", "yellow")
        if not about:
            return Text("-", "dim")
        return Text(about[-1].status.value, STYLES.get(about[-1].status, "dim"))

    def _suggested(self, resource: Resource) -> str:
        suggestion = self._ledger.suggestions.get(resource.entity_id)
        value = suggestion.values.get(resource.metric) if suggestion else None
        return "-" if value is None else number(value)

    def _agent(self) -> Table:
        """Plans, the latest choice, measured effects, what was learned, the latest alert."""
        ledger = self._ledger
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True, min_width=LABEL_WIDTH)
        table.add_column(no_wrap=True, overflow="ellipsis")
        plans = list(ledger.plans.values())[-PLANS_SHOWN:]
        for plan in plans:
            table.add_row("plan", planned(plan))
        for _ in range(PLANS_SHOWN - len(plans)):
            table.add_row("plan", "-")
        table.add_row("chosen", choice(ledger.choice) or "-")
        table.add_row("effects", verdicts(ledger) or "-")
        table.add_row("learned", rates_told(self._rates()) or "-")
        alert = ledger.alerts[-1] if ledger.alerts else None
        table.add_row("alert", Text(warned(alert) if alert else "-", "red" if alert else ""))
        return table

    def _latest(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for width in (MOMENT_WIDTH, LABEL_WIDTH, None):
            table.add_column(no_wrap=True, overflow="ellipsis", min_width=width)
        for record in self._ledger.latest:
            # A dead letter has the broker's time, which is not that of the replay.
            replayed = not isinstance(record, DeadLetter)
            time = short_date(record.timestamp) if replayed else ""
            table.add_row(Text(time, "dim"), *told(record))
        for _ in range(LATEST_KEPT - len(self._ledger.latest)):
            table.add_row("", "", "")
        return table
