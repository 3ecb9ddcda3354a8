"""Part 2: does a probability to pass a threshold rank the moments before it, and is it true?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PERCENTILE = 97
"""Of the whole series: its threshold."""
QUIET_STEPS = 12
"""Values not above the threshold before the question is asked."""
HORIZON = 24
BINS = 10
"""Equal parts of 0..1 in which probabilities and frequencies are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """When it is asked of one series whether it will pass its threshold, and what came."""

    threshold: float
    eligible: np.ndarray
    """For each position, whether it is asked after its value."""
    outcome: np.ndarray
    """For each position, whether one of the next HORIZON values is above."""


def question(values: np.ndarray, warm_up: int) -> Question:
    """Positions from the warm-up on, the last QUIET_STEPS values not above, HORIZON to come."""
    threshold = float(np.percentile(values, PERCENTILE))
    above = np.concatenate([[0], np.cumsum(values > threshold)])
    positions = np.arange(len(values))
    known = np.maximum(positions + 1 - QUIET_STEPS, 0)
    ahead = np.minimum(positions + 1 + HORIZON, len(values))
    eligible = (
        (positions >= max(warm_up, QUIET_STEPS) - 1)
        & (positions + HORIZON < len(values))
        & (above[positions + 1] == above[known])
    )
    return Question(threshold, eligible, above[ahead] > above[positions + 1])


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Probabilities given for one series, and what came."""

    probability: np.ndarray
    outcome: np.ndarray


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same probability."""

    answers: int
    probability: float
    """Their mean; NaN without answers."""
    frequency: float
    """Share that came true."""


@dataclass(frozen=True, slots=True)
class BreachSummary:
    """Over several series; NaN over none."""

    series: int
    """Those with something to predict."""
    average_precision: float
    """Mean over these series."""
    brier: float
    """Mean squared distance of probability and outcome, over all answers."""
    brier_base: float
    """The same for one who always says how often it happens."""
    calibration_error: float
    """Mean distance of probability and frequency in the bins, weighed by their answers."""
    bins: list[Bin]


def average_precision(answers: Answers) -> float:
    """Precision averaged over the recall gained at each probability; NaN when nothing happened.

    Answers of equal probability count as one step: their order says nothing.
    """
    happened = int(np.count_nonzero(answers.outcome))
    if not happened:
        return math.nan
    order = np.argsort(-answers.probability, kind="stable")
    ranked, probability = answers.outcome[order], answers.probability[order]
    ends = np.append(np.flatnonzero(np.diff(probability)), len(ranked) - 1)
    hits = np.cumsum(ranked)[ends]
    gained = np.diff(hits, prepend=0) / happened
    return float(np.sum(gained * hits / (ends + 1)))


def summary(answers: Sequence[Answers]) -> BreachSummary:
    """Ranking by series, truth of the probabilities over all answers together."""
    precisions = [found for each in answers if not math.isnan(found := average_precision(each))]
    probability = np.concatenate([np.empty(0), *(each.probability for each in answers)])
    outcome = np.concatenate([np.empty(0, bool), *(each.outcome for each in answers)])
    if not outcome.size:
        return BreachSummary(0, math.nan, math.nan, math.nan, math.nan, [])
    bins = reliability(probability, outcome)
    distances = [each.answers * abs(each.probability - each.frequency) for each in bins]
    share = float(outcome.mean())
    return BreachSummary(
        series=len(precisions),
        average_precision=float(np.mean(precisions)) if precisions else math.nan,
        brier=float(np.mean((probability - outcome) ** 2)),
        brier_base=share * (1 - share),
        calibration_error=float(np.nansum(distances)) / outcome.size,
        bins=bins,
    )


def reliability(probability: np.ndarray, outcome: np.ndarray) -> list[Bin]:
    """How often answers in each tenth of 0..1 came true."""
    places = np.minimum((probability * BINS).astype(int), BINS - 1)
    found: list[Bin] = []
    for place in range(BINS):
        held = places == place
        number = int(np.count_nonzero(held))
        mean = float(probability[held].mean()) if number else math.nan
        frequency = float(outcome[held].mean()) if number else math.nan
        found.append(Bin(number, mean, frequency))
    return found
