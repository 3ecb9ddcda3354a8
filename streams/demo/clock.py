"""The demo's clock: recorded time, running faster than the wall."""

from __future__ import annotations

from collections.abc import Callable

MOST_HASTE = 3.0
"""How many times faster than planned it runs at most, to make up for the times that it stood."""

MOST_STEP_MS = 2 * 3_600_000
"""Event time that passes at once, at most."""


class ReplayClock:
    """Stands at ``start`` until ``run``; then ``advance`` moves it, so that it reaches ``end``
    after ``seconds``, or later where it was held for long."""

    def __init__(
        self, start: int, end: int, seconds: float, monotonic: Callable[[], float]
    ) -> None:
        """``start`` and ``end`` are event times in ms."""
        self.start = start
        self.end = end
        self.seconds = seconds
        self._monotonic = monotonic
        self._began: float | None = None
        self._seen = 0.0
        self._position = float(start)

    def run(self) -> None:
        self._began = self._seen = self._monotonic()

    def advance(self) -> None:
        """Move on by the time that has passed since the last ``run``, ``advance`` or ``hold``."""
        passed = self._take()
        left = max(self.seconds - self.elapsed + passed, passed)
        if left > 0:
            pace = min((self.end - self._position) / left, MOST_HASTE * self._planned)
            self._position += min(pace * passed, MOST_STEP_MS)

    def hold(self) -> None:
        """Stand still for the time that has passed since the last ``run`` or call of either."""
        self._take()

    @property
    def elapsed(self) -> float:
        """Wall time since ``run``, s."""
        return 0.0 if self._began is None else self._monotonic() - self._began

    @property
    def progress(self) -> float:
        """0..1."""
        return (self.now_ms() - self.start) / (self.end - self.start)

    @property
    def hours_per_second(self) -> float:
        """Recorded hours that are to pass in a second."""
        return self._planned / 3_600_000

    def now_ms(self) -> int:
        """Event time, ms."""
        return round(min(self._position, self.end))

    @property
    def _planned(self) -> float:
        """Event time per second, ms."""
        return (self.end - self.start) / self.seconds

    def _take(self) -> float:
        now = self._monotonic()
        passed, self._seen = now - self._seen, now
        return passed
