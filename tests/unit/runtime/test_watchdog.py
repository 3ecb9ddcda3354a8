"""The watchdog bites when there is work and no progress, and only then."""

from __future__ import annotations

from dataclasses import replace

from streams.errors import Stalled
from streams.runtime.watchdog import Pulse, Watchdog

RUNNING = Pulse(applied=5, checkpoints=3, lag=0, restored=0, recovering=False, rebalancing=False)
SECONDS = 60.0


def watch(*pulses: Pulse, step: float = 10.0) -> Stalled | None:
    """What the watchdog says to pulses ``step`` seconds apart; None when nothing."""
    watchdog = Watchdog(SECONDS, 0.0)
    for number, pulse in enumerate(pulses):
        try:
            watchdog.check(pulse, number * step)
        except Stalled as error:
            assert number * step > SECONDS
            return error
    return None


def saving(pulse: Pulse, count: int = 30) -> list[Pulse]:
    """The pulse again and again, with a checkpoint each time."""
    return [replace(pulse, checkpoints=pulse.checkpoints + n) for n in range(count)]


def test_idle_worker_is_fine() -> None:
    assert watch(*saving(RUNNING)) is None


def test_lag_without_progress() -> None:
    error = watch(*saving(replace(RUNNING, lag=12)))
    assert error is not None
    assert "no progress for 60 s with 12 records waiting" in str(error)
    assert (error.field, error.value) == ("phase", "running")
    assert error.remedy


def test_lag_with_progress_is_fine() -> None:
    moving = [replace(p, applied=n // 5) for n, p in enumerate(saving(replace(RUNNING, lag=9)))]
    assert watch(*moving) is None


def test_lag_that_comes_after_a_long_silence_gets_its_full_time() -> None:
    behind = saving(replace(RUNNING, lag=3), 6)
    assert watch(*saving(RUNNING), *behind) is None


def test_slow_recovery_with_progress_is_fine() -> None:
    recovering = replace(RUNNING, recovering=True, lag=9)
    assert watch(*(replace(recovering, restored=n // 5) for n in range(60))) is None


def test_recovery_that_stands_still() -> None:
    error = watch(*[replace(RUNNING, recovering=True, restored=7)] * 30)
    assert error is not None
    assert error.value == "recovering"


def test_rebalancing_forever() -> None:
    error = watch(*[replace(RUNNING, rebalancing=True)] * 30)
    assert error is not None
    assert error.value == "rebalancing"


def test_going_back_and_forth_between_phases_is_no_progress() -> None:
    phases = [replace(RUNNING, recovering=n % 2 == 0, rebalancing=n % 2 == 1) for n in range(30)]
    assert watch(*phases) is not None


def test_checkpoints_that_stop() -> None:
    error = watch(*(replace(RUNNING, applied=n) for n in range(30)))
    assert error is not None
    assert "no checkpoint for 60 s" in str(error)


def test_time_without_checkpoints_counts_from_the_end_of_a_rebalance() -> None:
    rebalance = [replace(RUNNING, rebalancing=True, restored=n) for n in range(20)]
    running = [replace(RUNNING, applied=n) for n in range(6)]
    assert watch(*rebalance, *running) is None
