"""What each kind of input record does to an entity."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import msgspec
from msgspec import structs

from streams.core.analysis.feature import Analysis
from streams.core.config import CoreConfig
from streams.core.cycle.feature import Cycle
from streams.core.cycle.gatekeeper import REQUESTER
from streams.core.cycle.standing import Standing
from streams.core.goals.book import GoalBook
from streams.core.goals.targets import GOAL_STATE
from streams.core.kernel.batch import series_key
from streams.core.kernel.engine_events import (
    SOURCE,
    anomaly_event,
    drift_event,
    duration_of,
    execution_event,
    model_event,
)
from streams.core.kernel.entity import EntityState, PendingAction
from streams.core.kernel.model_results import Finding, SeriesForecast
from streams.core.kernel.names import EVENTS, METRICS, PREDICTIONS
from streams.core.kernel.timers import TICK
from streams.core.kernel.turn import Turn
from streams.core.patterns.feature import PatternWatch
from streams.core.safety.commands import set_killed, set_mode, set_running
from streams.core.series.correction import RegressionWatch
from streams.core.series.store import SeriesStore
from streams.core.transfer import IMPORT, decode_knowledge, is_empty
from streams.errors import InvalidRecord
from streams.records import (
    Action,
    CauseKind,
    Command,
    Event,
    Goal,
    GoalOrigin,
    Outcome,
    Record,
)

_JSON = frozenset({"actions", "dependencies", "metadata"})
"""Arguments of goal.create that are lists or maps, given as JSON text."""


class Rules:
    """Rules over the state of one entity at a time; metrics are read from ``series``."""

    def __init__(
        self,
        config: CoreConfig,
        series: SeriesStore,
        find: Callable[[str], EntityState | None],
    ) -> None:
        """``find`` gives the state of another entity of the partition."""
        self._config = config
        self._series = series
        self._regressions = RegressionWatch(config, series)
        self._goals = GoalBook(config, series)
        self._patterns = PatternWatch(config, series)
        standing = Standing(config, series, find)
        self._autonomy = Cycle(config, series, self._goals, standing)
        self._analysis = Analysis(
            config,
            series,
            self._goals,
            self._patterns,
            self._regressions,
            standing.may_set_goals,
        )
        self._commands: dict[str, Callable[[Turn, Command], None]] = {
            "goal.create": self._create_goal,
            "goal.cancel": self._cancel_goal,
            "goal.execute": self._autonomy.execute,
            "plan.approve": self._autonomy.approve,
            "plan.reject": self._autonomy.reject,
            "plan.cancel": self._autonomy.cancel_plan,
            "mode.set": self._set_mode,
            "agent.start": self._run,
            "agent.stop": self._run,
            "agent.kill": self._kill,
            "agent.release": self._kill,
            "analysis.run": self._analyse,
            IMPORT: self._import,
        }

    def concerns(self, source: str, record: Record) -> bool:
        """Whether the record may change anything; others leave no trace in the state."""
        if isinstance(record, Event):
            return record.source != SOURCE
        # Revisions from 1 on are the engine's own words, coming back.
        return not isinstance(record, Goal) or record.revision == 0

    def apply(self, turn: Turn, record: Record) -> None:
        """Apply a record that the state does not include yet. Metrics have ``on_metric``."""
        turn.touched = True
        if isinstance(record, Outcome):
            turn.now = self._moment_of(turn)
        else:
            turn.state.clock = max(turn.state.clock, turn.now)
            self._goals.sweep(turn)
        match record:
            case Action():
                self._on_action(turn, record)
            case Outcome():
                self._on_outcome(turn, record)
            case Goal():
                self._request(turn, record)
            case Event():
                self._on_event(turn, record)
            case Command():
                self._on_command(turn, record)
            case _:
                turn.reject("unexpected", f"{type(record).__name__} is not an input record")
        self._autonomy.run(turn)

    def resume(self, turn: Turn, record: Record) -> None:
        """The state already includes this record: take up what was left open."""
        if not isinstance(record, Action):
            return
        pending = turn.state.pending.get(record.action_id)
        if pending is not None:
            turn.dispatch(record, resumed=pending.released)
            turn.touched = not pending.released
            pending.released = True

    def on_metric(self, turn: Turn, row: int, *, analyse: bool) -> None:
        """The newest value of a series, where a goal watches it or an analysis is due."""
        self._regressions.learn(turn, row, self._series.metrics[row])
        self._goals.measure(turn, row)
        self._goals.sweep(turn)
        if analyse:
            self._run_analysis(turn, row)
        self._autonomy.run(turn)
        if turn.touched:
            turn.state.clock = max(turn.state.clock, turn.now)

    def on_finding(self, turn: Turn, metric: str, finding: Finding) -> None:
        """What the models noticed at a value. Later values may already be learned: nothing here
        reads the series."""
        turn.touched = True
        if finding.is_anomaly:
            turn.emit(EVENTS, anomaly_event(turn, metric, finding))
            self._patterns.on_anomaly(turn, metric, finding)
        if finding.is_drift:
            turn.emit(EVENTS, drift_event(turn, metric, finding))
        for change in finding.changes:
            turn.emit(EVENTS, model_event(turn, metric, change))

    def corrected(
        self, state: EntityState, row: int, metric: str, forecast: SeriesForecast
    ) -> SeriesForecast:
        """A forecast as an analysis would publish it."""
        return self._regressions.corrected(state, row, metric, forecast)

    def _moment_of(self, turn: Turn) -> int:
        """Event time of an outcome. It bears the clock of the machine that acted, which says
        nothing about event time when recorded data are replayed: then time stands still."""
        clock = turn.state.clock
        is_live = 0 <= turn.now - clock <= self._config.planning.lease_ms
        return turn.now if is_live or not clock else clock

    def _on_action(self, turn: Turn, action: Action) -> None:
        if not self._first(turn, "action", action.action_id):
            return
        self._goals.suggest(turn, action)
        if not action.dry_run:
            event = execution_event(turn, action)
            turn.emit(EVENTS, event)
            self._patterns.on_event(turn, event)
            turn.state.pending[action.action_id] = PendingAction(
                action=action, accepted_at=turn.now
            )
            turn.dispatch(action)

    def _on_outcome(self, turn: Turn, outcome: Outcome) -> None:
        if not outcome.status.is_final or not self._first(turn, "outcome", outcome.event_id):
            return
        # An action that was carried out elsewhere must not be dispatched when it arrives later.
        if outcome.action_id:
            self._first(turn, "action", outcome.action_id)
        if turn.state.pending.pop(outcome.action_id, None) is not None:
            turn.settled.append(outcome.action_id)
        self._autonomy.on_outcome(turn, outcome)
        if self._config.duration_metric:
            turn.emit(METRICS, duration_of(turn, outcome, self._config.duration_metric))
        turn.state.outcomes.append(outcome)
        del turn.state.outcomes[: -self._config.outcomes_kept]

    def _on_event(self, turn: Turn, event: Event) -> None:
        if not self._first(turn, "event", event.event_id):
            return
        if event.event_type == GOAL_STATE:
            self._goals.replace_targets(turn, event)
        else:
            self._patterns.on_event(turn, event)

    def _on_command(self, turn: Turn, command: Command) -> None:
        if command.command == TICK or not self._first(turn, "command", command.command_id):
            return
        run = self._commands.get(command.command)
        if run is None:
            known = ", ".join(sorted(self._commands))
            turn.reject("unknown_command", f"command is {command.command!r}; use one of {known}")
            return
        run(turn, command)

    def _create_goal(self, turn: Turn, command: Command) -> None:
        fields: dict[str, object] = dict(command.arguments)
        try:
            for name in _JSON & fields.keys():
                fields[name] = msgspec.json.decode(command.arguments[name])
        except msgspec.DecodeError as error:
            names = ", ".join(sorted(_JSON))
            turn.reject("invalid_goal", f"arguments of goal.create: {names} are JSON: {error}")
            return
        if command.issued_by:
            named = fields.get("metadata")
            asked = cast(dict[str, object], named) if isinstance(named, dict) else {}
            fields["metadata"] = {**asked, REQUESTER: command.issued_by}
        # What the command itself says stands above its arguments.
        fields.update(
            goal_id=command.target,
            entity_id=command.entity_id,
            entity_type=command.entity_type,
            timestamp=command.timestamp,
            correlation_id=turn.correlation_id,
        )
        try:
            goal = msgspec.convert(fields, Goal, strict=False)
        except msgspec.ValidationError as error:
            turn.reject("invalid_goal", f"arguments of goal.create: {error}")
            return
        self._request(turn, goal)

    def _request(self, turn: Turn, goal: Goal) -> None:
        """A goal from outside is a user's, whatever it says of itself."""
        goal = structs.replace(
            goal, revision=0, origin=GoalOrigin.USER, cause_kind=CauseKind.REQUEST
        )
        self._goals.request(turn, goal)

    def _cancel_goal(self, turn: Turn, command: Command) -> None:
        if not self._goals.cancel(turn, command.target, command.arguments.get("reason", "")):
            turn.reject("unknown_goal", f"target is {command.target!r}; name an open goal")

    def _set_mode(self, turn: Turn, command: Command) -> None:
        by = command.arguments.get("by") or command.issued_by
        arguments = {name: text for name, text in command.arguments.items() if name != "by"}
        try:
            turn.state.controls = set_mode(turn.state.controls, arguments, by=by, now=turn.now)
        except InvalidRecord as error:
            turn.reject("invalid_mode", str(error))

    def _run(self, turn: Turn, command: Command) -> None:
        state, by = turn.state, command.issued_by
        running = command.command == "agent.start"
        state.controls = set_running(state.controls, running, by=by, now=turn.now)

    def _kill(self, turn: Turn, command: Command) -> None:
        state, by = turn.state, command.issued_by
        reason = ""
        if command.command == "agent.kill":
            reason = command.arguments.get("reason") or f"pulled by {by or 'request'}"
        state.controls = set_killed(state.controls, reason, by=by, now=turn.now)

    def _analyse(self, turn: Turn, command: Command) -> None:
        """Analyse every metric of the entity now, or the one that the command names."""
        metrics = [command.target] if command.target else list(turn.state.metrics)
        rows = [self._series.find(series_key(turn.state.entity_id, metric)) for metric in metrics]
        known = [row for row in rows if row is not None]
        if not known:
            turn.reject("unknown_metric", "nothing was measured that could be analysed")
        for row in known:
            self._run_analysis(turn, row)

    def _run_analysis(self, turn: Turn, row: int) -> None:
        before = len(turn.emissions)
        self._analysis.run(turn, row)
        emitted = turn.emissions[before:]
        if emitted:  # nothing is said before there are enough values
            counters = turn.state.counters
            counters.predictions += sum(emission.topic == PREDICTIONS for emission in emitted)
            counters.last_analysis = turn.now
            turn.touched = True

    def _import(self, turn: Turn, command: Command) -> None:
        if not is_empty(turn.state):
            turn.reject("not_empty", f"{command.entity_id!r} has goals or patterns of its own")
            return
        try:
            text = command.arguments.get("knowledge", "")
            knowledge = decode_knowledge(text, command.entity_id)
        except InvalidRecord as error:
            turn.reject("invalid_import", str(error))
            return
        turn.state.patterns = knowledge.patterns
        turn.state.metrics = knowledge.metrics
        self._goals.restore(turn, knowledge.goals)
        self._patterns.tell_all(turn)

    def _first(self, turn: Turn, kind: str, id_: str) -> bool:
        """Note an id; False when it was handled before."""
        return turn.state.remember(f"{kind}:{id_}", turn.now, self._config.ids_kept)
