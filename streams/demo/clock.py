"""The demo's clock: recorded time, running faster than the wall."""

from __future__ import annotations

from collections.abc import Callable


class ReplayClock:
    """Stands at ``start`` until ``run``, then goes from ``start`` to ``end`` in ``seconds``."""

    def __init__(
        self, start: int, end: int, seconds: float, monotonic: Callable[[], float]
    ) -> None:
        """``start`` and ``end`` are event times in ms."""
        self.start = start
        self.end = end
        self.seconds = seconds
        self._monotonic = monotonic
        self._began: float | None = None

    def run(self) -> None:
        self._began = self._monotonic()

    @property
    def elapsed(self) -> float:
        """Wall time since ``run``, s."""
        return 0.0 if self._began is None else self._monotonic() - self._began

    @property
    def progress(self) -> float:
        """0..1."""
        return min(1.0, self.elapsed / self.seconds)

    @property
    def hours_per_second(self) -> float:
        """Recorded hours that pass in a second."""
        return (self.end - self.start) / 3_600_000 / self.seconds

    def now_ms(self) -> int:
        """Event time, ms."""
        return self.start + int((self.end - self.start) * self.progress)
