"""The features in their order, and the way of a record through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streams.core.kernel.commands import CommandSpec
from streams.core.kernel.engine_events import SLICE_EVENT, SOURCE, own_event
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature, Handler, Objection, View
from streams.core.kernel.model_results import Detection
from streams.core.kernel.names import EVENTS, SETTLED
from streams.core.kernel.timers import TICK
from streams.core.kernel.turn import Turn
from streams.errors import ConfigError, InvalidRecord
from streams.records import Action, Command, Event, Goal, Outcome, Record


class FeatureSet:
    """Runs every feature over one entity at a time, always in the same order."""

    def __init__(self, features: Sequence[Feature], *, ids_kept: int, live_ms: int) -> None:
        """``ids_kept``: ids remembered per entity to drop repeats; ``live_ms``: how far an
        outcome's clock may be ahead of event time to be taken for it.

        Raises ConfigError when two features claim one name, slice, command or view.
        """
        self._features = tuple(features)
        self._on_time, self._on_value = _having(features, "on_time"), _having(features, "on_value")
        self._on_analysis = _having(features, "on_analysis")
        self._on_detection, self._after = (
            _having(features, "on_detection"),
            _having(features, "after"),
        )
        self._objecting = _having(features, "objection")
        self._timed = _having(features, "due_at")
        self._ids_kept = ids_kept
        self._live_ms = live_ms
        self._handlers: dict[type[Record], list[Handler]] = {}
        self.commands: dict[str, CommandSpec[Any]] = {}
        """By name."""
        self.views: dict[str, View] = {}
        """By name, in the order of the features."""
        names: dict[str, Feature] = {}
        for feature in features:
            _claim(names, "name", feature.name, feature)
            for kind, handler in feature.handlers().items():
                self._handlers.setdefault(kind, []).append(handler)
            for command in feature.commands():
                _claim(self.commands, "commands", command.name, command)
            for view in feature.views():
                _claim(self.views, "views", view.name, view)

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features)

    # -- records ------------------------------------------------------------------------------

    def concerns(self, record: Record) -> bool:
        """Whether the record may change anything; the engine's own words that come back leave no
        trace."""
        if isinstance(record, Event):
            return record.source != SOURCE
        return not isinstance(record, Goal) or record.revision == 0

    def apply(self, turn: Turn, record: Record, *, by_log: bool = False) -> None:
        """Apply a record that the entity does not include yet. Metrics have ``on_metric``.

        ``by_log``: the turn's time is that of the log, not the record's own.
        """
        turn.touched = True
        if isinstance(record, Outcome) and not by_log:
            turn.now = self._moment_of(turn)
        else:
            turn.entity.clock = max(turn.entity.clock, turn.now)
            self._pass_time(turn)
        objection = self._objection(turn, record)
        if objection is not None:
            turn.reject(*objection)
        elif self._is_new(turn, record):
            self._handle(turn, record)
        self._finish(turn)

    def resume(self, turn: Turn, record: Record) -> None:
        """The entity already includes this record: take up what was left open."""
        for feature in self._features:
            feature.on_known(turn, record)

    def on_metric(self, turn: Turn, metric: str, *, analyse: bool) -> None:
        """The newest value of a series, where a feature watches it or an analysis is due."""
        for feature in self._on_value:
            feature.on_value(turn, metric)
        self._pass_time(turn)
        if analyse:
            turn.analyse(metric)
        self._finish(turn)
        if turn.touched:
            turn.entity.clock = max(turn.entity.clock, turn.now)

    def on_detection(self, turn: Turn, metric: str, detection: Detection) -> None:
        """What the models noticed at a value."""
        turn.touched = True
        for feature in self._on_detection:
            feature.on_detection(turn, metric, detection)

    # -- questions ----------------------------------------------------------------------------

    def watches(self, entity: Entity, metric: str) -> bool:
        """Whether any feature wants to see every value of the metric."""
        return any(feature.watches(entity, metric) for feature in self._features)

    def metrics(self, entity: Entity) -> set[str]:
        """Metrics that decisions about the entity may depend on."""
        return {metric for feature in self._features for metric in feature.metrics(entity)}

    # -- inside -------------------------------------------------------------------------------

    def _pass_time(self, turn: Turn) -> None:
        for feature in self._on_time:
            feature.on_time(turn)

    def _objection(self, turn: Turn, record: Record) -> Objection | None:
        found = (feature.objection(turn, record) for feature in self._objecting)
        return next((each for each in found if each is not None), None)

    def _handle(self, turn: Turn, record: Record) -> None:
        if isinstance(record, Command):
            self._command(turn, record)
            return
        handlers = self._handlers.get(type(record))
        if handlers is None:
            turn.reject("unexpected", f"{type(record).__name__} is not an input record")
            return
        for handle in handlers:
            handle(turn, record)

    def _command(self, turn: Turn, command: Command) -> None:
        if command.command == TICK:
            return
        spec = self.commands.get(command.command)
        if spec is None:
            known = ", ".join(sorted(self.commands))
            turn.reject("unknown_command", f"command is {command.command!r}; use one of {known}")
            return
        try:
            spec.run(turn, command, spec.parse(command.arguments))
        except InvalidRecord as error:
            turn.reject(spec.refusal, str(error))

    def _finish(self, turn: Turn) -> None:
        self._analyse(turn)
        timers = turn.entity.timers
        for feature in self._timed:
            due = timers.get(feature.name)
            if due is not None and due <= turn.now:
                feature.on_due(turn)
        for feature in self._after:
            feature.after(turn)
        for feature in self._timed:
            turn.touched |= turn.entity.set_timer(feature.name, feature.due_at(turn))
        self._tell_dropped(turn)

    def _analyse(self, turn: Turn) -> None:
        for metric in turn.analyses:
            reading = turn.series(metric)
            forecast = None if reading is None else reading.forecast()
            if forecast is not None:  # nothing is said before there are enough values
                for feature in self._on_analysis:
                    feature.on_analysis(turn, metric, forecast)

    def _tell_dropped(self, turn: Turn) -> None:
        for feature, reason in turn.entity.dropped:
            turn.touched = True
            about = {"feature": feature, "reason": reason}
            turn.dropped.append(feature)
            turn.emit(EVENTS, own_event(turn, SLICE_EVENT, about))
        turn.entity.dropped.clear()

    def _is_new(self, turn: Turn, record: Record) -> bool:
        """Note the ids of a record; False when it was handled before, or says nothing."""
        match record:
            case Action():
                return self._first(turn, "action", record.action_id)
            case Event():
                return self._first(turn, "event", record.event_id)
            case Command():
                return record.command == TICK or self._first(turn, "command", record.command_id)
            case Outcome():
                return self._is_news(turn, record)
            case _:
                return True

    def _is_news(self, turn: Turn, outcome: Outcome) -> bool:
        if not outcome.status.is_final or not self._first(turn, "outcome", outcome.event_id):
            return False
        if outcome.action_id:
            self._first(turn, SETTLED, outcome.action_id)
        return True

    def _first(self, turn: Turn, kind: str, id_: str) -> bool:
        return turn.entity.remember(f"{kind}:{id_}", self._ids_kept)

    def _moment_of(self, turn: Turn) -> int:
        """Event time of an outcome. It bears the clock of the machine that acted, which says
        nothing about event time when recorded data are replayed: then time stands still."""
        clock = turn.entity.clock
        is_live = 0 <= turn.now - clock <= self._live_ms
        return turn.now if is_live or not clock else clock


def _having(features: Sequence[Feature], hook: str) -> tuple[Feature, ...]:
    """The features that have something to do there."""
    none = getattr(Feature, hook)
    return tuple(each for each in features if getattr(type(each), hook) is not none)


def _claim(table: dict[str, Any], what: str, name: str, claim: Any) -> None:
    if name in table:
        raise ConfigError(
            "two features claim one name",
            field=f"features.{what}",
            value=name,
            remedy="rename one of them",
        )
    table[name] = claim
