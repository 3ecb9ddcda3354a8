"""Builds the situation of an entity from its state and its series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streams.core.config import CoreConfig
from streams.core.goal_rules.candidate import named
from streams.core.goal_rules.config import SettingConfig
from streams.core.goal_rules.situation import History, Reading, Situation
from streams.core.kernel.batch import series_key
from streams.core.kernel.entity import EntityState
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.core.series.store import SeriesStore
from streams.records import Pattern, Prediction

_STALE_STEPS = 3
"""Steps of its series after which a value is stale, where that is later than ``max_age_ms``."""


class Readings(Mapping[str, Reading]):
    """Latest values of one entity that are not stale, read when they are asked for.

    Of the metrics that were analysed, and of those that say a capacity.
    """

    def __init__(
        self, state: EntityState, now: int, series: SeriesStore, config: SettingConfig
    ) -> None:
        capacities = [rule.capacity_metric for rule in config.scaling.values()]
        capacities += config.capacity_metrics.values()
        self._names = dict.fromkeys([*state.metrics, *capacities])
        self._entity = state.entity_id
        self._now = now
        self._series = series
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
        if metric not in self._names:
            return None
        row = self._series.find(series_key(self._entity, metric))
        if row is None:
            return None
        hot, step = self._series.hot, self._series.bank.step_ms(row)
        age = max(0, self._now - int(hot["timestamp"][row]))
        if age > max(self._max_age, _STALE_STEPS * step):
            return None
        return Reading(float(hot["last"][row]), age, float(hot["baseline"][row]))


def observe(
    turn: Turn,
    config: CoreConfig,
    series: SeriesStore,
    patterns: Sequence[Pattern],
    forecasts: Mapping[str, SeriesForecast],
) -> Situation:
    """The situation of the turn's entity. It shares ``needs`` and ``goals`` with the state."""
    state, now = turn.state, turn.now
    outlook = state.outlook
    return Situation(
        entity_id=state.entity_id,
        entity_type=state.entity_type,
        now=now,
        correlation_id=turn.correlation_id,
        readings=Readings(state, now, series, config.setting),
        breaches={m: each for m, each in state.predictions.items() if _is_ahead(each, now)},
        outlook=outlook if outlook is not None and _is_ahead(outlook, now) else None,
        patterns=patterns,
        goals=state.goals,
        forecasts=forecasts,
        histories=_histories(state, config, series),
        needs=state.needs,
    )


def _is_ahead(prediction: Prediction, now: int) -> bool:
    """Whether its horizon has not passed."""
    return now <= prediction.timestamp + prediction.horizon_ms


def _histories(state: EntityState, config: CoreConfig, series: SeriesStore) -> dict[str, History]:
    histories: dict[str, History] = {}
    for metric, _ in named(config.setting.service_levels, config.aliases):
        known = metric in state.metrics
        row = series.find(series_key(state.entity_id, metric)) if known else None
        if row is not None:
            values: list[float] = series.bank.recent(row).tolist()
            histories[metric] = History(tuple(values), series.bank.step_ms(row))
    return histories
