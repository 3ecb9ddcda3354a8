"""Part 3: alarms judged by the windowed score of the Numenta Anomaly Benchmark.

Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", ICMLA 2015, standard profile.
Of the alarms in a labelled window only the earliest counts: 1 at its begin, falling to 0 at its
end along a sigmoid. A window without an alarm costs 1. An alarm outside costs up to 0.11, less
shortly after a window. The first 15 % of a series, at most 750 values, do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1.0, 0.11, 1.0
PROBATION = 0.15
PROBATION_LENGTH = 5_000
"""Length from which the probation grows no further."""
STEEPNESS = 5.0
FAR = 3.0
"""Window widths behind a window from where an alarm is worth -1."""
NEVER = math.inf
"""Threshold that no alarm reaches."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series as this part sees it."""

    name: str
    length: int
    windows: tuple[tuple[int, int], ...]
    """First and last position of each labelled anomaly, ascending."""
    alarms: tuple[tuple[int, float], ...]
    """Positions with a score above 0, ascending, and that score."""

    @property
    def probation(self) -> int:
        """Values at the begin that do not count."""
        return math.floor(PROBATION * min(self.length, PROBATION_LENGTH))

    @property
    def counted(self) -> list[tuple[int, int]]:
        """Windows of which a part counts."""
        return [window for window in self.windows if window[1] >= self.probation]


@dataclass(frozen=True, slots=True)
class AnomalySummary:
    """Over several series; NaN when they have no labelled anomaly."""

    series: int
    windows: int
    threshold: float
    score: float
    """100 for one alarm at the begin of each window and none outside, 0 for no alarm at all."""
    found: int
    """Windows with an alarm."""
    alarms: int
    outside: int
    """Alarms that were in no window."""


def sigmoid(position: float) -> float:
    """Worth of an alarm so many window widths after the window's end: nearly 1 at -1, 0 at 0."""
    return -1.0 if position >= FAR else 2 / (1 + math.exp(STEEPNESS * position)) - 1


def weights(series: Labelled) -> list[tuple[float, float, int]]:
    """Score, worth and window (-1 for none) of each alarm that counts."""
    return [
        (score, *_weight(position, series.windows))
        for position, score in series.alarms
        if position >= series.probation
    ]


def _weight(position: int, windows: Iterable[tuple[int, int]]) -> tuple[float, int]:
    past = FAR
    for number, (first, last) in enumerate(windows):
        if first <= position <= last:
            inside = -(last - position + 1) / (last - first + 1)
            return TRUE_POSITIVE * sigmoid(inside) / sigmoid(-1.0), number
        if position > last:
            past = (position - last) / max(last - first, 1)
    return FALSE_POSITIVE * sigmoid(past), -1


def summary(series: Sequence[Labelled], threshold: float) -> AnomalySummary:
    """Score of all series together when alarms count from the threshold on."""
    windows = sum(len(each.counted) for each in series)
    total, found, alarms, outside = 0.0, 0, 0, 0
    for each in series:
        best = [-FALSE_NEGATIVE] * len(each.windows)
        for score, worth, window in weights(each):
            if score < threshold:
                continue
            alarms += 1
            if window < 0:
                outside += 1
                total += worth
            else:
                best[window] = max(best[window], worth)
        counted = [
            best[number] for number, window in enumerate(each.windows) if window in each.counted
        ]
        found += sum(worth > -FALSE_NEGATIVE for worth in counted)
        total += math.fsum(counted)
    return AnomalySummary(
        series=len(series),
        windows=windows,
        threshold=threshold,
        score=_normalised(total, windows),
        found=found,
        alarms=alarms,
        outside=outside,
    )


def best_threshold(series: Sequence[Labelled]) -> float:
    """Threshold with the largest score over these series, found by lowering it alarm by alarm.

    The highest of equals; ``NEVER`` when no alarm is worth raising.
    """
    every = [
        (score, worth, (number, window))
        for number, each in enumerate(series)
        for score, worth, window in weights(each)
    ]
    every.sort(key=lambda alarm: -alarm[0])
    best: dict[tuple[int, int], float] = {}
    total = highest = 0.0
    threshold = NEVER
    for place, (score, worth, (number, window)) in enumerate(every):
        if window < 0:
            total += worth
        else:
            before = best.get((number, window), -FALSE_NEGATIVE)
            best[number, window] = max(before, worth)
            total += best[number, window] - before
        last_of_equals = place + 1 == len(every) or every[place + 1][0] < score
        if last_of_equals and total > highest:
            highest, threshold = total, score
    return threshold


def _normalised(total: float, windows: int) -> float:
    null, perfect = -FALSE_NEGATIVE * windows, TRUE_POSITIVE * windows
    return 100 * (total - null) / (perfect - null) if windows else math.nan
