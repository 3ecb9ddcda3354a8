"""One series through one method, once: all four parts ask their questions on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.quality import breaches, closed_loop, forecasts
from benchmarks.quality.anomalies import Labelled
from benchmarks.quality.breaches import Answers
from benchmarks.quality.closed_loop import CAUTIONS, LOOKAHEAD, Cost, Loop, Trace
from benchmarks.quality.data import LENGTH, Series
from benchmarks.quality.forecasts import HorizonScore
from benchmarks.quality.methods import Factory
from streams.testing.predictor import Predictor


@dataclass(frozen=True, slots=True, eq=False)
class MethodScore:
    """What one method did on one series."""

    horizons: list[HorizonScore]
    answers: Answers
    labelled: Labelled
    loop: Loop | None
    """None when the series is no demand."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesScore:
    """What all methods did on one series, and what bounds the closed loop there."""

    name: str
    methods: dict[str, MethodScore]
    bounds: dict[str, Cost]
    """By name: ``hpa`` at its usual target, ``static peak``, ``oracle``."""


def score(series: Series, factories: Mapping[str, Factory]) -> SeriesScore:
    """Replay the series through a fresh predictor of each method."""
    values = series.values[:LENGTH]
    on = closed_loop.trace(values, series.warm_up)
    curve = closed_loop.curve(on) if on else []
    bounds = {}
    if on:
        bounds = {
            "hpa": on.cost(closed_loop.hpa(on, closed_loop.HPA_TARGET)),
            "static peak": closed_loop.static_peak(on),
            "oracle": closed_loop.oracle(on),
        }
    methods = {
        name: _Replay(series, on, curve).run(factory()) for name, factory in factories.items()
    }
    return SeriesScore(series.name, methods, bounds)


class _Replay:
    """The questions to one predictor on one series."""

    def __init__(self, series: Series, on: Trace | None, curve: list[Cost]) -> None:
        self._series = series
        self._values = series.values[:LENGTH]
        self._asked = forecasts.Asked(self._values)
        self._question = breaches.question(self._values, series.warm_up)
        self._chances: list[float] = []
        self._trace, self._curve = on, curve
        shape = (len(self._values), LOOKAHEAD)
        self._means, self._uppers = np.zeros(shape), np.zeros(shape)

    def run(self, predictor: Predictor) -> MethodScore:
        """Every value is learned; what is asked after it, the predictor has not seen."""
        alarms: list[tuple[int, float]] = []
        values = self._series.values.tolist()
        for position, (time, value) in enumerate(zip(self._series.seconds, values, strict=True)):
            surety = predictor.step(time, value)
            if surety > 0:
                alarms.append((position, surety))
            if position < len(self._values):
                self._ask(predictor, position)
        return MethodScore(
            horizons=self._asked.scores(),
            answers=Answers(
                np.array(self._chances), self._question.outcome[self._question.eligible]
            ),
            labelled=Labelled(self._series.name, len(values), self._series.windows, tuple(alarms)),
            loop=self._loop(),
        )

    def _ask(self, predictor: Predictor, position: int) -> None:
        past = position + 1 - self._series.warm_up
        due = past >= 0 and past % forecasts.EVERY == 0
        steers = self._trace is not None and position >= closed_loop.first_plan(
            self._series.warm_up
        )
        if due:
            steps = predictor.forecast(forecasts.HORIZONS[-1])
            self._asked.take(position, steps)
        elif steers:
            steps = predictor.forecast(LOOKAHEAD)
        else:
            steps = []
        if steers:
            near = steps[:LOOKAHEAD]
            self._means[position] = [step[0] for step in near]
            self._uppers[position] = [step[2] for step in near]
        if self._question.eligible[position]:
            self._chances.append(predictor.breach(self._question.threshold, breaches.HORIZON))

    def _loop(self) -> Loop | None:
        on = self._trace
        if on is None:
            return None
        costs = [
            closed_loop.steered(on, self._means, self._uppers, caution) for caution in CAUTIONS
        ]
        theirs = [closed_loop.at_cost(self._curve, cost.units) for cost in costs]
        return Loop(tuple(costs), tuple(theirs))
