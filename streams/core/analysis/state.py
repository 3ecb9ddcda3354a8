"""What analyses of an entity have found, as stored."""

from __future__ import annotations

from streams.core.kernel.slices import Slice
from streams.records import Prediction


class Analyses(Slice):
    """Which metrics were looked at, and which breaches are predicted."""

    slice_name = "analysis"

    metrics: list[str] = []
    """Metrics that were analysed, in the order of their first analysis."""
    breaches: dict[str, Prediction] = {}
    """Latest predicted breach per metric."""
    predictions: int = 0
    """Predictions made so far."""
    last: int | None = None
    """Event time of the latest analysis, ms."""
    stale: list[str] = []
    """Analysed metrics that have fallen silent, of which that was said."""
