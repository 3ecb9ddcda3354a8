"""Keeps the goals of an entity: takes requests, measures, closes, publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from streams.core.execution.state import Plans
from streams.core.goals.admission import (
    Refusal,
    admit,
    displaced,
    enforce_cap,
)
from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import (
    CloseReason,
    aim,
    attempted,
    begin,
    cancel,
    close_expired,
    fail,
    is_notable,
    measure,
    release,
)
from streams.core.goals.relations import is_parent, is_referred_to, parts, roll_up
from streams.core.goals.report import note_goal
from streams.core.goals.state import GoalEntry, Goals, Published
from streams.core.goals.targets import read_targets, replace_targets
from streams.core.kernel.journal import alert, decide
from streams.core.kernel.names import GOALS
from streams.core.kernel.turn import Turn
from streams.core.metric.reading import read_metric, read_metrics
from streams.records import Event, Goal, GoalOrigin, Priority, Severity


class GoalBook:
    """All changes of goals go through here, so each is published once."""

    def __init__(
        self, config: GoalConfig, ids_kept: int, on_admitted: Callable[[Turn], None]
    ) -> None:
        """``on_admitted`` is called when goals that were admitted are open."""
        self._config = config
        self._ids_kept = ids_kept
        self._on_admitted = on_admitted

    # -- asked for ----------------------------------------------------------------------------

    def request(self, turn: Turn, goal: Goal) -> None:
        """A goal that a user or a rule wants; it is admitted, changed or refused with a reason."""
        reading = turn.series(goal.target_metric)
        current = None if reading is None else reading.value
        goal = replace(goal, correlation_id=goal.correlation_id or turn.correlation_id)
        result = admit(goal, turn.read(Goals), current, turn.now, self._config)
        if isinstance(result, Refusal):
            if self._is_news(turn, goal, result):
                self._refused(turn, result)
        elif result is not None:
            reason = f"{CloseReason.SUPERSEDED}: {result.goal_id}"
            others = displaced(result, turn.read(Goals))
            self._close_all(turn, [cancel(other, reason, turn.now) for other in others])
            known = turn.read(Goals).get(result.goal_id)
            self._admitted(turn, [result])
            if known is not None and _escalates(known, result):
                alert(turn, "critical_goal", Severity.CRITICAL, result.description, result)

    def restore(self, turn: Turn, goals: list[Goal]) -> None:
        """Take goals over as they are, from the export of another system."""
        for goal in goals:
            self._keep(turn, goal, publish=True)

    def replace_targets(self, turn: Turn, event: Event) -> None:
        """An event that names all targets of the entity: metric -> target as text."""
        allowed = self._config.goal_state_sources
        if event.source not in allowed and "*" not in allowed:
            why = (
                f"source {event.source!r} may not set goals; name it in goals.goal_state_sources, "
                "or send goals to their topic"
            )
            _refuse(turn, "source_not_allowed", event.event_id, why)
            return
        targets, unreadable = read_targets(event.metadata)
        if unreadable:
            names = ", ".join(unreadable)
            _refuse(turn, "ignored_target", event.event_id, f"not a finite number: {names}")
        found = read_metrics(turn, targets)
        readings = {metric: reading.value for metric, reading in found.items()}
        event = replace(event, correlation_id=turn.correlation_id)
        goals = turn.read(Goals)
        change = replace_targets(goals, targets, readings, event, turn.now, self._config)
        self._close_all(turn, change.closed)
        for refusal in change.refused:
            self._refused(turn, refusal)
        self._admitted(turn, list(change.admitted))

    # -- moved --------------------------------------------------------------------------------
    # Each of these gives False when there is no open goal of this id for which it is possible.

    def begin(self, turn: Turn, goal_id: str) -> bool:
        """A plan for the goal starts: active -> in_progress."""
        return self._move(turn, goal_id, begin)

    def release(self, turn: Turn, goal_id: str) -> bool:
        """The plan ended and the goal is not met: in_progress -> active, one attempt more."""
        return self._move(turn, goal_id, release)

    def attempted(self, turn: Turn, goal_id: str) -> bool:
        """A plan was carried out for the goal, whose status stays."""
        return self._move(turn, goal_id, attempted)

    def fail(self, turn: Turn, goal_id: str, reason: str) -> bool:
        """Give the goal up."""
        return self._move(turn, goal_id, partial(fail, reason))

    def cancel(self, turn: Turn, goal_id: str, reason: str) -> bool:
        """Cancel the goal, for a user or because nothing asks for it any more."""
        goal = turn.read(Goals).get(goal_id)
        if goal is None or not goal.status.is_open:
            return False
        self._store(turn, cancel(goal, reason or CloseReason.REQUESTED, turn.now), publish=True)
        return True

    def measure(self, turn: Turn, metric: str) -> None:
        """The newest value of the metric moves the open goals on it.

        A goal with parts is moved by them alone.
        """
        goals = turn.read(Goals)
        watching = goals.open(metric)
        reading = read_metric(turn, metric) if watching else None
        if reading is None:
            return
        for goal in watching:
            if is_parent(goals, goal.goal_id):
                continue
            after = measure(
                goal,
                reading.value,
                reading.previous,
                turn.now,
                reading.dead_band,
                after_silence=reading.after_silence,
            )
            if after is not None:
                self._publish_if_notable(turn, goal, after, reading.dead_band)

    def sweep(self, turn: Turn) -> None:
        """Fail the open goals whose deadline has passed, also on metrics that are silent."""
        late = (close_expired(goal, turn.now) for goal in turn.read(Goals).open())
        self._close_all(turn, [goal for goal in late if goal is not None])

    # -- inside -------------------------------------------------------------------------------

    def _admitted(self, turn: Turn, goals: list[Goal]) -> None:
        for goal in goals:
            self._store(turn, goal, publish=True)
        self._close_all(turn, enforce_cap(turn.read(Goals), turn.now, self._config))
        still_open = {goal.goal_id for goal in turn.read(Goals).open()}
        if any(goal.goal_id in still_open for goal in goals):
            self._on_admitted(turn)

    def _close_all(self, turn: Turn, goals: Iterable[Goal]) -> None:
        """Keep closing revisions, but of goals that one before has closed along with its own."""
        for goal in goals:
            known = turn.read(Goals).get(goal.goal_id)
            if known is not None and known.status.is_open:
                self._store(turn, goal, publish=True)

    def _move(self, turn: Turn, goal_id: str, move: Callable[[Goal, int], Goal | None]) -> bool:
        goal = turn.read(Goals).get(goal_id)
        after = None if goal is None else move(goal, turn.now)
        if after is None:
            return False
        self._store(turn, after, publish=True)
        return True

    def _publish_if_notable(
        self, turn: Turn, before: Goal, after: Goal, dead_band: float = 0.0
    ) -> None:
        entry = turn.read(Goals).entries[before.goal_id]
        published = entry.said or Published(before.progress, before.timestamp)
        self._store(turn, after, publish=is_notable(before, after, published, dead_band))

    def _store(self, turn: Turn, goal: Goal, *, publish: bool) -> None:
        """Keep a revision; what is related to the goal follows it."""
        goals = turn.read(Goals)
        before = goals.get(goal.goal_id)
        self._keep(turn, goal, publish=publish)
        if not goal.status.is_open:
            members = [part for part in parts(goals, goal.goal_id) if part.status.is_open]
            self._close_all(turn, [cancel(part, CloseReason.PARENT, turn.now) for part in members])
        parents = {goal.parent_id, before.parent_id if before is not None else ""}
        for parent_id in sorted(parents - {""}):
            self._roll_up(turn, parent_id)

    def _roll_up(self, turn: Turn, parent_id: str) -> None:
        goals = turn.read(Goals)
        parent = goals.get(parent_id)
        if parent is None:
            return
        after = roll_up(parent, parts(goals, parent_id), turn.now)
        if after is not None:
            self._publish_if_notable(turn, parent, after)

    def _keep(self, turn: Turn, goal: Goal, *, publish: bool) -> None:
        goals, plans = turn.edit(Goals), turn.read(Plans).all()
        before = goals.get(goal.goal_id)
        was_open = before is not None and before.status.is_open
        note_goal(goals, goal, plans, is_new=before is None, was_open=was_open)
        entry = goals.entries.setdefault(goal.goal_id, GoalEntry(goal))
        entry.goal = goal
        if before is None or was_open != goal.status.is_open:
            turn.changed_metrics.add(goal.target_metric)
        elif aim(before) != aim(goal):
            turn.changed_metrics |= {before.target_metric, goal.target_metric}
        if publish:
            said = entry.said
            entry.said = said.then(goal) if said else Published(goal.progress, goal.timestamp)
            turn.emit(GOALS, goal)
        if not goal.status.is_open:
            entry.said = None
            self._forget_oldest(goals)

    def _forget_oldest(self, goals: Goals) -> None:
        closed = [goal for goal in goals.all() if not goal.status.is_open]
        closed = [goal for goal in closed if not is_referred_to(goal, goals)]
        closed.sort(key=lambda goal: goal.closed_at or 0)
        for goal in closed[: max(0, len(closed) - self._config.closed_goals_kept)]:
            del goals.entries[goal.goal_id]

    def _is_news(self, turn: Turn, goal: Goal, refusal: Refusal) -> bool:
        """A candidate of the engine that is refused again and again is told once a review."""
        if goal.origin is not GoalOrigin.AUTONOMOUS:
            return True
        turn.touched = True
        period = turn.now // max(1, self._config.review_ms)
        told = f"refusal:{refusal.reason.value}:{goal.dedupe_key}:{period}"
        return turn.entity.remember(told, self._ids_kept)

    def _refused(self, turn: Turn, refusal: Refusal) -> None:
        _refuse(turn, refusal.reason.value, refusal.goal_id, refusal.text)


def _escalates(known: Goal, after: Goal) -> bool:
    """Whether a goal of the engine has become critical."""
    return (
        after.origin is GoalOrigin.AUTONOMOUS
        and after.status.is_open
        and after.priority is Priority.CRITICAL
        and known.priority is not Priority.CRITICAL
    )


def _refuse(turn: Turn, chosen: str, subject_id: str, reason: str) -> None:
    """Publish that something was asked for and not done; nobody in particular decided it."""
    decide(turn, "refusal", subject_id, chosen=chosen, reason=reason, actor="")
