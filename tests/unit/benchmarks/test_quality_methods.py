"""Baselines and predictors of others."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.baselines import Naive, RiverHoltWinters, RiverSnarimax, SeasonalNaive
from benchmarks.quality.methods import METHODS, factory
from streams.errors import UnknownName

HOUR = 3600.0


@pytest.mark.parametrize("name", METHODS)
def test_every_method_answers_from_the_first_value_on(name: str) -> None:
    predictor = factory(name)()
    random = np.random.default_rng(3)
    for position in range(120):
        value = 20 + 5 * math.sin(position / 4) + float(random.standard_normal())
        assert 0 <= predictor.step(HOUR * position, value) <= 1
        steps = predictor.forecast(24)
        assert len(steps) == 24
        assert all(math.isfinite(number) for step in steps for number in step)
        assert predictor.next() == steps[0][0]
        assert 0 <= predictor.breach(26.0, 24) <= 1


def test_the_quantiles_of_a_baseline_hold_what_they_promise() -> None:
    inside = 0
    for seed in range(3):
        naive = Naive()
        values = np.cumsum(np.random.default_rng(seed).standard_normal(1500)).tolist()
        for position, value in enumerate(values[:-1]):
            naive.learn(HOUR * position, value)
            mean, low, high = naive.forecast(1)[0]
            assert mean == value
            inside += low <= values[position + 1] <= high
    assert inside / 4500 == pytest.approx(0.8, abs=0.03)


def test_the_seasonal_naive_repeats_yesterday() -> None:
    method = SeasonalNaive()
    for position in range(60):
        method.learn(HOUR * position, float(position))
    assert method.points(26) == [*map(float, range(36, 60)), 36.0, 37.0]


def test_holt_winters_is_simple_smoothing() -> None:
    method, level = RiverHoltWinters(), 0.0
    for position in range(40):
        method.learn(HOUR * position, float(position % 7))
    level = (0 + 1) / 2
    for position in range(2, 40):
        level += 0.3 * (position % 7 - level)
    assert method.points(3) == pytest.approx([level] * 3)


def test_snarimax_survives_a_spike() -> None:
    method, random = RiverSnarimax(), np.random.default_rng(2)
    for position in range(600):
        method.learn(HOUR * position, 1e9 if position == 300 else float(random.standard_normal()))
    deviation = 1e9 / math.sqrt(600)
    assert all(abs(each - 1e9 / 600) <= 3.1 * deviation for each in method.points(72))


PLUGIN = """
class Zero:
    def learn(self, ts, y): self.last = y
    def forecast(self, h): return [(0.0, -1.0, 1.0)] * h
    def next(self): return 0.0
"""


def test_a_predictor_from_a_file_is_completed(tmp_path: Path) -> None:
    file = tmp_path / "predictor_of_zero.py"
    file.write_text(PLUGIN)
    predictor = factory(f"{file}:Zero")()
    scores = [predictor.step(HOUR * at, 9.0 if at == 150 else at % 2 * 0.1) for at in range(200)]
    assert [at for at, score in enumerate(scores) if score > 0] == [150]
    assert predictor.breach(1.0, 24) == pytest.approx(0.1)
    assert factory("benchmarks.quality.baselines:Naive")().forecast(2)


@pytest.mark.parametrize("name", ["nothing", "no.module:thing", "json:nothing", "/no/file.py:x"])
def test_an_unknown_predictor_is_refused(name: str) -> None:
    with pytest.raises(UnknownName):
        factory(name)
