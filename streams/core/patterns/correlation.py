"""Do two metrics of an entity move together, and does one lead?

Values that merely grow alike correlate without having anything to do with each other, so it is
the changes from step to step that must agree: by ranks, so that one common incident is not
enough, and beyond chance, given how few independent changes a smooth series really makes and
that thirteen lags were tried. The values themselves must go along.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from streams.core.kernel.batch import FloatArray
from streams.core.patterns.detector import Detector, PatternMatch, Portrait
from streams.core.patterns.evidence import certainty, normal_tails
from streams.core.patterns.state import Pair, PatternState
from streams.errors import ConfigError
from streams.records import PatternType

MAX_LAG = 6
"""Steps by which one metric may lead."""
WINDOW = 72
"""Values used, the newest ones."""
MIN_VALUES = 24
_ALPHA = 0.01
_STRENGTH = 0.5
"""Least correlation of the changes, and of the values."""
_CLEARLY = 0.05
"""A longer lag must be better by this share to be preferred."""
_LEAST_SIZE = 6.0
_MIN_TURNS = 2
"""Turns that each metric must make: what only rises proves nothing."""
_MEMORY = 12
"""Lags of the autocorrelation that tell how many changes are independent."""
_RANK_VARIANCE = 1.06
"""Of Fisher's z for rank correlation, relative to that of Pearson's (Fieller et al., 1957)."""
_EXACT = 1 - 1e-9
_LAGS = sorted(range(-MAX_LAG, MAX_LAG + 1), key=lambda lag: (abs(lag), lag))


class Correlation(NamedTuple):
    """Two metrics move together."""

    level: float
    """Correlation of the values, -1..1."""
    change: float
    """Rank correlation of the changes, -1..1; of the same sign."""
    lag: int
    """Steps by which the first leads; negative when the second does."""
    p_value: float
    """Chance of such changes in unrelated metrics, all lags considered."""


def correlate(first: ArrayLike, second: ArrayLike) -> Correlation | None:
    """How the newest 72 of two aligned series (same length, same times, oldest first) correlate.

    None when they do not, or when there are fewer than 24 pairs of finite values. Raises
    ConfigError when the lengths differ. Cost: about 0.3 ms.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise ConfigError(
            "values are not aligned",
            field="second",
            value=other.shape,
            remedy=f"give two lists of the same length, as first has shape {one.shape}",
        )
    both = np.isfinite(one) & np.isfinite(other)
    one, other = one[both][-WINDOW:], other[both][-WINDOW:]
    if one.size < MIN_VALUES:
        return None
    one, other = _scaled(one), _scaled(other)
    changes_one, changes_other = np.diff(one), np.diff(other)
    if min(_turns(changes_one), _turns(changes_other)) < _MIN_TURNS:
        return None
    ranks_one, ranks_other = _ranks(changes_one), _ranks(changes_other)
    lag, change = _best_lag(ranks_one, ranks_other)
    level = _pearson(*_shifted(one, other, lag))
    if abs(change) < _STRENGTH or level * math.copysign(1.0, change) < _STRENGTH:
        return None
    size = _independent(ranks_one, ranks_other, ranks_one.size - abs(lag))
    deviations = math.atanh(min(abs(change), _EXACT)) * math.sqrt((size - 3) / _RANK_VARIANCE)
    p_value = min(1.0, len(_LAGS) * normal_tails(deviations))
    return Correlation(level, change, lag, p_value) if p_value <= _ALPHA else None


class Correlations(Detector[Pair]):
    """Confidence is the certainty that the changes correlate."""

    kind = PatternType.CORRELATION

    def judge(self, state: PatternState, trait: Pair) -> PatternMatch | None:
        if trait.misses >= self.config.retire_after or not trait.count:
            return None
        sign = trait.change > 0
        return PatternMatch(trait.certainty, (trait.lag + MAX_LAG) * 2 + sign)

    def learn(self, pair: Pair, found: Correlation | None, now: int) -> None:
        """The outcome of a comparison."""
        if found is None:
            pair.misses += 1
            return
        pair.misses = 0
        pair.count += 1
        pair.last = max(pair.last, now)
        pair.level, pair.change, pair.lag = found.level, found.change, found.lag
        pair.certainty = certainty(found.p_value)

    def portray(self, name: str, trait: Pair, verdict: PatternMatch) -> Portrait:
        lag, positive = verdict.mark // 2 - MAX_LAG, verdict.mark % 2
        leading, following = trait.first, trait.second
        if lag < 0:
            leading, following = following, leading
        how = "with" if positive else "against"
        text = f"{following} moves {how} {leading}"
        if lag:
            text += f", {abs(lag)} steps later"
        return Portrait(
            key=(trait.first, trait.second),
            description=text,
            last_occurrence=trait.last,
            occurrences=trait.count,
            metadata={
                "first_metric": trait.first,
                "second_metric": trait.second,
                "leading_metric": leading if lag else "",
                "lag_steps": str(abs(lag)),
                "correlation": f"{trait.level:.3f}",
                "correlation_of_changes": f"{trait.change:.3f}",
            },
        )


def _scaled(values: FloatArray) -> FloatArray:
    """Brought near 0..1, so that nothing overflows."""
    low, high = values.min() / 2, values.max() / 2
    return (values / 2 - low) / (high - low or 1.0)


def _turns(changes: FloatArray) -> int:
    """How often a series turned from rising to falling or back."""
    signs = np.sign(changes[changes != 0])
    return int(np.count_nonzero(signs[1:] != signs[:-1]))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks, equal values sharing theirs, less their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks - ranks.mean()


def _shifted(one: FloatArray, other: FloatArray, lag: int) -> tuple[FloatArray, FloatArray]:
    """Those values of ``one`` and, ``lag`` steps later, of ``other`` that belong together."""
    if lag >= 0:
        return one[: one.size - lag], other[lag:]
    return one[-lag:], other[: other.size + lag]


def _pearson(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale > 0 else 0.0


def _best_lag(one: FloatArray, other: FloatArray) -> tuple[int, float]:
    """The lag with the strongest correlation, and that; the inputs have mean 0."""
    centre = one.size - 1
    sums: list[float] = np.correlate(other, one, "full")[
        centre - MAX_LAG : centre + MAX_LAG + 1
    ].tolist()
    best, strength = 0, 0.0
    for lag in _LAGS:
        found = abs(sums[lag + MAX_LAG]) / (one.size - abs(lag))
        if found > strength * (1 + _CLEARLY):
            best, strength = lag, found
    return best, _pearson(*_shifted(one, other, best))


def _independent(one: FloatArray, other: FloatArray, size: int) -> float:
    """Effective number of pairs (Bartlett, 1935), between ``_LEAST_SIZE`` and ``size``."""
    repeats = _autocorrelation(one) * _autocorrelation(other)
    total = 1 + 2 * float(repeats.sum())
    return min(float(size), max(_LEAST_SIZE, size / max(total, 1.0)))


def _autocorrelation(values: FloatArray) -> FloatArray:
    """Of values with mean 0, at lags 1.._MEMORY."""
    centre = values.size - 1
    sums = np.correlate(values, values, "full")[centre : centre + _MEMORY + 1]
    return sums[1:] / sums[0]
