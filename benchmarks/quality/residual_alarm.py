"""An alarm for any forecaster: its one-step errors have lately been larger than they used to be."""

from __future__ import annotations

import math
from collections import deque

SPAN = 10
"""Errors whose mean is judged."""
MEMORY = 8_000
FIRST_JUDGED = 50
THRESHOLD = 3.0
"""Deviations of that mean from its long-run mean."""
QUIET = 120
"""Values after an alarm without another one."""


class ResidualAlarm:
    """Scores one series value by value; methods that bring no detector are judged with it."""

    def __init__(self) -> None:
        self._errors: deque[float] = deque(maxlen=SPAN)
        self._seen = 0
        self._mean = 0.0
        self._variance = 0.0
        self._quiet = 0

    def step(self, expected: float, value: float) -> float:
        """0, or where an alarm begins how sure it is, up to 1."""
        self._errors.append(abs(value - expected))
        self._seen += 1
        excess = math.fsum(self._errors) / len(self._errors) - self._mean
        deviation = math.sqrt(self._variance) + 1e-12
        rate = max(1 / MEMORY, 1 / self._seen)
        self._mean += rate * excess
        self._variance += rate * (excess * excess - self._variance)
        if self._quiet:
            self._quiet -= 1
            return 0.0
        score = excess / deviation
        if self._seen <= FIRST_JUDGED or score <= THRESHOLD:
            return 0.0
        self._quiet = QUIET
        return -math.expm1(-score / THRESHOLD)
