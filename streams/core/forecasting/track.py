"""What is known of one series besides its models: its time step and how well it is forecast."""

from __future__ import annotations

import msgspec

MEMORY = 100
"""Forecasts that the running error, deviation and coverage look back on: plain means over the
first ones, then exponentially weighted with rate 1 / MEMORY."""
RATE = 1 / MEMORY
STEP_SAMPLE = 19
"""Gaps between the first timestamps whose median is the time step."""
STEP_CHECK = 32
"""Values between two looks at whether the time step still holds."""
STEP_TOLERANCE = 2.0
"""Factor by which the mean gap must be off, twice in a row, before the step is found anew."""
NEVER = -(2**63)
"""In place of a timestamp before the first one."""


class TrackState(msgspec.Struct, array_like=True, gc=False):
    """Stored form of a track."""

    points: int
    scored: int
    error: float
    variance: float
    coverage: float
    step_ms: int
    mark: int
    check_at: int
    odd: int
    gaps: list[int]


class Track:
    """Running statistics of one series; constant size.

    The step is the median of the first ``STEP_SAMPLE`` gaps. Gaps of zero or less (records out
    of order) do not count. Every ``STEP_CHECK`` values the mean gap is compared with the step;
    when it is off by more than ``STEP_TOLERANCE`` twice in a row, which a single outage does not
    bring about, the sample is taken again and the old step stands until it is full.
    """

    __slots__ = (
        "check_at",
        "coverage",
        "error",
        "gaps",
        "mark",
        "odd",
        "points",
        "scored",
        "step_ms",
        "variance",
    )

    def __init__(self) -> None:
        self.points = 0
        """Values learned."""
        self.scored = 0
        """Forecasts compared with their value, counted up to MEMORY."""
        self.error = 0.0
        """Running mean of the absolute one-step error."""
        self.variance = 0.0
        """Running mean of the squared one-step error."""
        self.coverage = 0.0
        """Running share of values inside their one-step interval."""
        self.step_ms = 0
        """Median gap; 0 while the sample is being taken for the first time."""
        self.mark = NEVER
        """Timestamp of the last value seen while sampling, or of the last look at the step."""
        self.check_at = 0
        """Number of points from which ``observe`` wants to be called."""
        self.odd = 0
        self.gaps: list[int] = []

    @classmethod
    def restored(cls, state: TrackState) -> Track:
        track = cls()
        track.points, track.scored = state.points, state.scored
        track.error, track.variance, track.coverage = state.error, state.variance, state.coverage
        track.step_ms, track.mark, track.check_at = state.step_ms, state.mark, state.check_at
        track.odd, track.gaps = state.odd, state.gaps
        return track

    @property
    def state(self) -> TrackState:
        return TrackState(
            self.points,
            self.scored,
            self.error,
            self.variance,
            self.coverage,
            self.step_ms,
            self.mark,
            self.check_at,
            self.odd,
            self.gaps,
        )

    @property
    def step(self) -> int:
        """Best known time step, ms; 0 before two timestamps in order."""
        return self.step_ms or (_median(self.gaps) if self.gaps else 0)

    def observe(self, timestamp: int) -> None:
        """Take in the timestamp of a value at or after ``check_at``."""
        if self.check_at:
            self._check(timestamp)
        else:
            self._sample(timestamp)
        self.mark = timestamp

    def _sample(self, timestamp: int) -> None:
        if self.mark != NEVER and timestamp > self.mark:
            self.gaps.append(timestamp - self.mark)
        if len(self.gaps) == STEP_SAMPLE:
            self.step_ms = _median(self.gaps)
            self.gaps = []
            self.check_at = self.points + STEP_CHECK

    def _check(self, timestamp: int) -> None:
        mean_gap = (timestamp - self.mark) / STEP_CHECK
        steady = self.step_ms / STEP_TOLERANCE <= mean_gap <= self.step_ms * STEP_TOLERANCE
        self.odd = 0 if steady else self.odd + 1
        if self.odd == 2:
            self.odd = self.check_at = 0
        else:
            self.check_at = self.points + STEP_CHECK

    def first_score(self, residual: float, level: float) -> None:
        """Take in the first residual; there was no interval yet, so coverage starts as promised."""
        self.scored = 1
        self.error = abs(residual)
        self.variance = residual * residual
        self.coverage = level


def _median(gaps: list[int]) -> int:
    return sorted(gaps)[len(gaps) // 2]
