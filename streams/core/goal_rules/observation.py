"""Builds the situation of an entity from its state and its series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streams.core.analysis.state import Analyses
from streams.core.capacity.feature import Outlooks
from streams.core.goal_rules.candidate import named
from streams.core.goal_rules.config import RulesConfig, SettingConfig
from streams.core.goal_rules.situation import History, Needs, Reading, Situation
from streams.core.goals.state import Goals
from streams.core.kernel.clocks import STEPS
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.records import Pattern, Prediction


class LatestReadings(Mapping[str, Reading]):
    """Latest values of one entity that are not stale, read when they are asked for.

    Of the metrics that were analysed, and of those that say a capacity.
    """

    def __init__(self, turn: Turn, config: SettingConfig) -> None:
        capacities = [rule.capacity_metric for rule in config.scaling.values()]
        capacities += config.capacity_metrics.values()
        self._names = dict.fromkeys([*turn.read(Analyses).metrics, *capacities])
        self._turn = turn
        self._max_age = config.max_age_ms
        self._known: dict[str, Reading | None] = {}

    def __getitem__(self, metric: str) -> Reading:
        if metric not in self._known:
            self._known[metric] = self._read(metric)
        found = self._known[metric]
        if found is None:
            raise KeyError(metric)
        return found

    def __iter__(self) -> Iterator[str]:
        return (metric for metric in self._names if metric in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, metric: str) -> Reading | None:
        series = self._turn.series(metric) if metric in self._names else None
        if series is None:
            return None
        age = max(0, self._turn.now - series.measured_at)
        old = age > max(self._max_age, STEPS * series.step_ms)
        if old or series.is_stale(self._turn.now):
            return None
        return Reading(series.value, age, series.baseline)


def observe(
    turn: Turn,
    config: RulesConfig,
    patterns: Sequence[Pattern],
    forecasts: Mapping[str, SeriesForecast],
) -> Situation:
    """The situation of the turn's entity. It shares ``needs`` with the state."""
    now, analyses, outlook = turn.now, turn.read(Analyses), turn.read(Outlooks).latest
    return Situation(
        entity_id=turn.entity.entity_id,
        entity_type=turn.entity.entity_type,
        now=now,
        correlation_id=turn.correlation_id,
        readings=LatestReadings(turn, config.setting),
        breaches={m: each for m, each in analyses.breaches.items() if _is_ahead(each, now)},
        outlook=outlook if outlook is not None and _is_ahead(outlook, now) else None,
        patterns=patterns,
        goals=turn.read(Goals).by_id(),
        forecasts=forecasts,
        histories=_histories(turn, config),
        needs=turn.read(Needs).units,
    )


def _is_ahead(prediction: Prediction, now: int) -> bool:
    """Whether its horizon has not passed."""
    return now <= prediction.timestamp + prediction.horizon_ms


def _histories(turn: Turn, config: RulesConfig) -> dict[str, History]:
    histories: dict[str, History] = {}
    analysed = turn.read(Analyses).metrics
    for metric, _ in named(config.setting.service_levels, config.aliases):
        series = turn.series(metric) if metric in analysed else None
        if series is not None:
            values: list[float] = series.recent().tolist()
            histories[metric] = History(tuple(values), series.step_ms)
    return histories
