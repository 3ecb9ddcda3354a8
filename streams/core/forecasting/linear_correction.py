"""An online linear model of what a forecast gets wrong, heeded only while it does good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.jit import compiled
from streams.core.kernel.batch import BoolArray, FloatArray

MEMORY = 200
LONG_MEMORY = 2000
"""Scored errors that the two pairs of running ones look back on: plain means first, then
exponential."""
HUBER = 4.0
"""Mean errors at which a surprise is cut before it is learned."""
UNCUT = 20
"""First errors, which are learned as they are: what is usual must be seen first."""
MOST_UNCERTAIN = 100.0
"""Mean variance of the coefficients, relative to the prior's, beyond which it grows no further:
without features that vary, forgetting would let it grow for ever."""

RUNNING = np.dtype(
    [
        ("scored", "<i8"),
        ("without", "<f8"),
        ("corrected", "<f8"),
        ("long_without", "<f8"),
        ("long_corrected", "<f8"),
        ("largest", "<f8"),
        ("heeded", "<i8"),
    ]
)
"""Running mean absolute errors of one horizon, without and with the correction, over MEMORY and
over LONG_MEMORY; ``largest``: the largest error; ``heeded``: 1 where the correction does good."""


class LinearCorrection:
    """Predicts errors from features, for several horizons, each with coefficients of its own.

    Recursive least squares with exponential forgetting (Ljung and Söderström, 1983), surprises
    cut as by Huber; features should be of size 1. Coefficients start at 0 with unit variance.
    A horizon is heeded once as many errors as its ``trials`` are scored, and while correcting has
    them below ``ratio`` times what they are without it, both lately and in the long run. All are
    of predictions made before the error was known. None is larger than the largest error seen.
    """

    def __init__(
        self, trials: Sequence[int], features: int, *, forgetting: float, ratio: float
    ) -> None:
        self._forgetting, self._ratio = forgetting, ratio
        self._trials = np.array(trials, np.int64)
        self._coefficients: FloatArray = np.zeros((len(trials), features))
        self._covariances: FloatArray = np.tile(np.eye(features), (len(trials), 1, 1))
        self._running: NDArray[Any] = np.zeros(len(trials), RUNNING)

    @property
    def state(self) -> tuple[NDArray[np.generic], ...]:
        """All that changes; assigning to the arrays' elements restores it."""
        return self._coefficients, self._covariances, self._running

    @property
    def scored(self) -> NDArray[np.int64]:
        """Errors seen, by horizon."""
        return self._running["scored"]

    @property
    def ratios(self) -> FloatArray:
        """Recent error with the correction over that without, by horizon; 1 before any error."""
        without, corrected = self._running["without"], self._running["corrected"]
        return np.divide(corrected, without, out=np.ones_like(corrected), where=without > 0)

    @property
    def heeded(self) -> BoolArray:
        """Horizons at which the correction does good."""
        return self._running["heeded"] != 0

    def predict(self, features: FloatArray) -> FloatArray:
        """Expected errors (n, horizons) for features (n, features), heeded or not."""
        largest = self._running["largest"]
        return np.minimum(np.maximum(features @ self._coefficients.T, -largest), largest)

    def learn(self, horizon: int, features: FloatArray, error: float, predicted: float) -> None:
        """Take in an error, its features and what was predicted of it when they were known.

        Features that are all 0 have nothing to say, and nothing is scored or learned.
        """
        _learn(
            self._coefficients[horizon],
            self._covariances[horizon],
            self._running,
            horizon,
            features,
            error,
            predicted,
            self._forgetting,
        )
        self._decide(horizon)

    def _decide(self, horizon: int) -> None:
        errors = self._running[horizon]
        recent = errors["corrected"] < self._ratio * errors["without"]
        lasting = errors["long_corrected"] < self._ratio * errors["long_without"]
        errors["heeded"] = recent and lasting and errors["scored"] >= self._trials[horizon]


@compiled
def _learn(
    coefficients: FloatArray,
    covariance: FloatArray,
    running: NDArray[Any],
    horizon: int,
    features: FloatArray,
    error: float,
    predicted: float,
    forgetting: float,
) -> None:
    if not features.any():
        return
    errors: Any = running[horizon]
    surprise = error - np.sum(coefficients * features)
    if errors.scored >= UNCUT:
        limit = HUBER * errors.without
        surprise = min(max(surprise, -limit), limit)
    _score(errors, abs(error), abs(error - predicted))
    size = features.shape[0]
    toward = np.zeros(size)
    for i in range(size):
        for j in range(size):
            toward[i] += covariance[i, j] * features[j]
    scale = forgetting + np.sum(features * toward)
    mean = 0.0
    least = np.inf
    for i in range(size):
        coefficients[i] += toward[i] * (surprise / scale)
        for j in range(size):
            covariance[i, j] = (covariance[i, j] - toward[i] * toward[j] / scale) / forgetting
        mean += covariance[i, i] / size
        least = min(least, covariance[i, i])
    # rounding may have cost it its meaning
    if not (least > 0 and mean < np.inf):
        covariance[:] = np.eye(size)
    elif mean > MOST_UNCERTAIN:
        covariance *= MOST_UNCERTAIN / mean


@compiled
def _score(errors: Any, without: float, corrected: float) -> None:
    errors.scored += 1
    rate = 1.0 / min(errors.scored, MEMORY)
    errors.without += rate * (without - errors.without)
    errors.corrected += rate * (corrected - errors.corrected)
    rate = 1.0 / min(errors.scored, LONG_MEMORY)
    errors.long_without += rate * (without - errors.long_without)
    errors.long_corrected += rate * (corrected - errors.long_corrected)
    errors.largest = max(errors.largest, without)
