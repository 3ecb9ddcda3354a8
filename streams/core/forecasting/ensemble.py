"""Weighing several forecasts of one series by how well each has done lately.

A member weighs the inverse fourth power of its running error: twice the error, a sixteenth of
the weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from streams.core.batch import FloatArray

RATE = 0.03
"""Weight of the newest error in a member's running error."""

Forecast = TypeVar("Forecast", float, FloatArray)


def weights(errors: Sequence[float], ready: Sequence[bool]) -> list[float]:
    """Weight of each member, the best one's being 1; 0 for one that is not ready.

    ``errors`` are running absolute errors, NaN before a member's first. Members without an
    error count only while none has one, and then alike.
    """
    best = math.inf
    for member, error in enumerate(errors):
        if error < best and ready[member]:
            best = error
    if best == math.inf:
        return [float(is_ready) for is_ready in ready]
    weight: list[float] = []
    for member, error in enumerate(errors):
        if not ready[member] or math.isnan(error):
            weight.append(0.0)
        elif error > best:
            ratio = best / error
            weight.append(ratio * ratio * ratio * ratio)
        else:
            weight.append(1.0)
    return weight


def mix(members: Sequence[Forecast], weight: Sequence[float]) -> Forecast:
    """Weighted mean of the members whose weight is not 0; equal members give exactly themselves."""
    best = weight.index(1.0)
    base, shift, total = members[best], 0.0, 0.0
    for member, w in enumerate(weight):
        if w:
            shift = shift + w * (members[member] - base)
            total += w
    return base + shift / total


def update(errors: list[float], forecasts: Sequence[float], value: float) -> None:
    """Take the one-step forecasts of ``value`` into the running errors; NaN is passed over."""
    for member, forecast in enumerate(forecasts):
        if not math.isnan(forecast):
            error, old = abs(value - forecast), errors[member]
            errors[member] = error if math.isnan(old) else old + RATE * (error - old)
