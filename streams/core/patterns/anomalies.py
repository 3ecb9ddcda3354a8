"""Anomalies as patterns: metrics that misbehave, how often and how badly the last time."""

from __future__ import annotations

from streams.core.patterns.detector import Detector, PatternMatch, Portrait
from streams.core.patterns.evidence import unusualness
from streams.core.patterns.state import Incidents, PatternState
from streams.records import PatternType


class Anomalies(Detector[Incidents]):
    """Confidence is the least probability that a value is nearer to what was expected."""

    kind = PatternType.ANOMALY

    def learn(
        self, incidents: Incidents, value: float, expected: float, score: float, timestamp: int
    ) -> None:
        """A finding of the anomaly detector; ``score`` in deviations."""
        incidents.count += 1
        incidents.last = max(incidents.last, timestamp)
        incidents.value, incidents.expected, incidents.score = value, expected, score

    def judge(self, state: PatternState, trait: Incidents) -> PatternMatch | None:
        return PatternMatch(unusualness(abs(trait.score)), trait.count) if trait.count else None

    def portray(self, name: str, trait: Incidents, verdict: PatternMatch) -> Portrait:
        return Portrait(
            key=(name,),
            description=(f"{name} was {trait.value:.6g} where {trait.expected:.6g} was expected"),
            last_occurrence=trait.last,
            occurrences=trait.count,
            metadata={
                "metric": name,
                "value": repr(trait.value),
                "expected": repr(trait.expected),
                "score": f"{trait.score:.6g}",
            },
        )
