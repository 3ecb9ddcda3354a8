"""Notices that nothing moves any more, so that a supervisor can restart the process."""

from __future__ import annotations

from dataclasses import dataclass

from streams.errors import Stalled


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a worker looks like at one moment."""

    applied: int
    """Batches applied since start."""
    checkpoints: int
    """Checkpoints completed since start."""
    lag: int
    """Records that wait at the broker."""
    restored: int
    """Changelog records applied by recovery."""
    recovering: bool
    rebalancing: bool


class Watchdog:
    """Raises Stalled when there is work and no progress for ``seconds``.

    Work is lag while running, and anything at all while recovering or rebalancing. Progress is a
    batch applied or a changelog record restored; checkpoints must go on in any case.
    """

    def __init__(self, seconds: float, started: float) -> None:
        self._seconds = seconds
        self._last: Pulse | None = None
        self._moved = started
        self._saved = started

    def check(self, pulse: Pulse, now: float) -> None:
        """``now`` in seconds of a monotonic clock."""
        last, self._last = self._last, pulse
        settled = not (pulse.recovering or pulse.rebalancing)
        if last is None or pulse.checkpoints != last.checkpoints or not settled:
            self._saved = now
        moved = last is None or (pulse.applied, pulse.restored) != (last.applied, last.restored)
        if moved or (settled and pulse.lag == 0):
            self._moved = now
        if now - self._moved > self._seconds:
            raise Stalled(
                f"no progress for {self._seconds:.0f} s with {pulse.lag} records waiting",
                field="phase",
                value=_phase(pulse),
                remedy="the process ends and should be restarted; look at the broker if it recurs",
            )
        if now - self._saved > self._seconds:
            raise Stalled(
                f"no checkpoint for {self._seconds:.0f} s",
                field="phase",
                value=_phase(pulse),
                remedy="the process ends and should be restarted; look at broker and disk",
            )


def _phase(pulse: Pulse) -> str:
    if pulse.rebalancing:
        return "rebalancing"
    return "recovering" if pulse.recovering else "running"
