"""Features: their order, their commands, slices that cannot be read, features of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.kernel.commands import Arguments, CommandSpec
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.feature_set import FeatureSet
from streams.core.kernel.slices import Slice
from streams.core.kernel.store import ENTITIES
from streams.core.kernel.turn import Turn
from streams.errors import ConfigError
from streams.records import Alert, Command, Event, Record, Severity
from streams.testing import check_feature
from tests.kits.core.partition import START, Bench, action, command, event, goal, metric

HOUR = 3_600_000


def test_the_order_of_the_features_is_part_of_the_behaviour() -> None:
    assert [feature.name for feature in build_features(CoreConfig())] == [
        "correction", "goals", "suggestions", "analysis", "patterns", "capacity", "goal_rules",
        "safety", "transfer", "learning", "cycle", "actions",
    ]  # fmt: skip


# -- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "field", "remedy"),
    [
        ("goal.cancel", {"raeson": "x"}, "arguments.raeson", "did you mean 'reason'?"),
        ("goal.execute", {"dry_run": "perhaps"}, "arguments.dry_run", "bool"),
        ("goal.create", {"target_value": "many"}, "arguments.target_value", "float"),
        ("goal.create", {"target_metric": "cpu"}, "arguments.*", "target_value"),
        ("mode.set", {"mod": "act"}, "arguments.mod", "did you mean 'mode'?"),
        ("agent.start", {"by": "ada"}, "arguments.by", "remove it"),
    ],
)
def test_a_command_that_is_not_understood_is_refused_by_name(
    name: str, arguments: dict[str, str], field: str, remedy: str
) -> None:
    (refused,) = Bench().send("commands", command(name, arguments=arguments)).rejections
    assert field in refused[3]
    assert remedy in refused[3]


def test_an_unknown_command_is_answered_with_all_that_there_are() -> None:
    (refused,) = Bench().send("commands", command("goal.make")).rejections
    for name in build_features(CoreConfig()).commands:
        assert name in refused[3]


# -- slices that cannot be read -------------------------------------------------------------------


def test_an_unreadable_slice_costs_its_feature_alone_and_is_told() -> None:
    bench = Bench()
    bench.send("goals", goal())
    bench.send("actions", action("a-1"))
    bench.save()
    stored = msgspec.msgpack.decode(bench.store.tables[ENTITIES][b"svc"])
    stored["slices"]["goals"] = [99, {"entries": {}}]
    bench.store.tables[ENTITIES][b"svc"] = msgspec.msgpack.encode(stored)
    bench.restart()
    seen = bench.send("events", event("e-9", event_type="any", metadata={}))
    (told,) = [each for each in seen.records("events") if each.event_type == "state_dropped"]
    assert told.metadata["feature"] == "goals"
    assert "version" in told.metadata["reason"]
    assert bench.state().goals == {}
    assert list(bench.state().pending) == ["a-1"]
    again = bench.send("events", event("e-10", event_type="any", metadata={}))
    assert "state_dropped" not in [each.event_type for each in again.records("events")]


# -- a feature of one's own -----------------------------------------------------------------------


class Visited(Slice):
    """How often an entity was visited."""

    slice_name = "visits"

    count: int = 0
    due: int | None = None


class ResetArguments(Arguments, frozen=True):
    to: int = 0


class Visits(Feature):
    """Counts visits, and says so when none came for an hour."""

    name = "visits"
    State = Visited

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Event: self._on_event}

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (CommandSpec("visits.reset", "count anew", ResetArguments, self._reset),)

    def views(self) -> Sequence[View]:
        return (View("visits", "visits", "entity", lambda e: {"": e.read(Visited).count}),)

    def due_at(self, turn: Turn) -> int | None:
        return turn.read(Visited).due

    def on_due(self, turn: Turn) -> None:
        state = turn.edit(Visited)
        state.due = None
        quiet = Alert(
            entity_id=turn.entity.entity_id,
            timestamp=turn.now,
            alert_id=turn.new_id("alert"),
            rule="quiet",
            severity=Severity.INFO,
            summary=f"{state.count} visits so far",
        )
        turn.emit("alerts", quiet)

    def _on_event(self, turn: Turn, event: Event) -> None:
        if event.event_type == "visit":
            state = turn.edit(Visited)
            state.count += 1
            state.due = turn.now + HOUR

    def _reset(self, turn: Turn, command: Command, arguments: ResetArguments) -> None:
        turn.edit(Visited).count = arguments.to


def visit(number: int) -> Event:
    return event(f"v-{number}", event_type="visit", timestamp=START + number * 1000)


LOG = [
    *(("events", visit(n)) for n in range(3)),
    ("metrics", metric(3.0)),
    ("commands", command("visits.reset", arguments={"to": "10"}, timestamp=START + 5_000)),
    ("events", visit(9)),
    ("commands", command("entity.tick", "t", timestamp=START + 2 * HOUR)),
    ("events", visit(9_000)),
]


def test_a_feature_of_ones_own_has_slice_command_view_and_timer() -> None:
    feature = Visits()
    bench = Bench(CoreConfig(features=(feature,)))
    bench.send("events", *(visit(n) for n in range(3)), visit(2))
    assert bench.entity().read(Visited).count == 3
    bench.save()
    bench.restart()
    assert bench.entity().wake_at == START + 2_000 + HOUR
    late = command("entity.tick", "t", timestamp=START + 2_000 + HOUR)
    (told,) = bench.send("commands", late).records("alerts")
    assert (told.rule, told.summary) == ("quiet", "3 visits so far")
    assert bench.entity().wake_at is None
    bench.send("commands", command("visits.reset", arguments={"to": "7"}))
    view = build_features(bench.config).views["visits"]
    assert view.rows(bench.entity()) == {"": 7}


def test_the_feature_passes_the_contract() -> None:
    check_feature(Visits, LOG)


class Forgetful(Visits):
    """Changes its slice without saying so."""

    def _on_event(self, turn: Turn, event: Event) -> None:
        turn.read(Visited).count += 1


class Hoarder(Visits):
    """Keeps something outside of its slice."""

    def __init__(self) -> None:
        self._count = 0

    def _on_event(self, turn: Turn, event: Event) -> None:
        self._count += 1
        turn.edit(Visited).count = self._count


class Restless(Visits):
    """Is due again and again for the same moment."""

    def on_due(self, turn: Turn) -> None:
        pass


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Forgetful, "without turn.edit|stored bytes differ"),
        (Hoarder, "differ"),
        (Restless, "still at"),
    ],
)
def test_the_contract_finds_a_broken_feature(broken: type[Feature], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_feature(broken, LOG)


def test_the_contract_finds_a_slice_that_grows() -> None:
    with pytest.raises(AssertionError, match="bound what it keeps"):
        check_feature(Visits, LOG, most_bytes=4)


def test_two_features_cannot_have_one_name() -> None:
    with pytest.raises(ConfigError, match="visits"):
        FeatureSet((Visits(), Visits()), ids_kept=1, live_ms=1)
    with pytest.raises(ConfigError, match="visits"):
        build_features(CoreConfig(features=(Visits(), Visits())))
