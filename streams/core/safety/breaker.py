"""Nothing more is begun when acts do not do what they should.

The circuit breaker of Nygard's "Release It!", fed by what Dhalion measures: whether an action
helped. It opens when too many of the latest acts did not, stays open for a while, and then lets
one plan through; what becomes of that one closes it or opens it again.
"""

from __future__ import annotations

from enum import StrEnum

from streams.core.safety.config import SafetyConfig
from streams.core.safety.state import SafetyState


class BreakerStatus(StrEnum):
    CLOSED = "closed"
    """Acts may begin."""
    OPEN = "open"
    """None may."""
    HALF_OPEN = "half_open"
    """One may, to see whether it helps."""


def status(state: SafetyState, now: int) -> BreakerStatus:
    until = state.breaker_open_until
    if until is None:
        return BreakerStatus.CLOSED
    return BreakerStatus.OPEN if now < until else BreakerStatus.HALF_OPEN


def note_verification(
    state: SafetyState, helped: bool | None, now: int, config: SafetyConfig
) -> None:
    """Count what became of an action. None, where that could not be told, is neither."""
    if state.on_trial:
        _end_trial(state, helped, now, config)
    elif helped is not None and state.breaker_open_until is None:
        state.verdicts = [*state.verdicts, helped][-config.breaker_of :]
        if state.verdicts.count(False) >= config.breaker_failures:
            _open(state, now, config)


def begin_trial(state: SafetyState, config: SafetyConfig, now: int) -> None:
    """An action begins: when it is the one to be tried, no other may until it is verified.

    An action whose effect is never learned holds the others no longer than the breaker would.
    """
    if status(state, now) is BreakerStatus.HALF_OPEN:
        state.on_trial = True
        state.breaker_open_until = now + config.breaker_open_ms


def _end_trial(state: SafetyState, helped: bool | None, now: int, config: SafetyConfig) -> None:
    state.on_trial = False
    if helped is None:
        state.breaker_open_until = now
    elif helped:
        state.breaker_open_until = None
    else:
        _open(state, now, config)


def _open(state: SafetyState, now: int, config: SafetyConfig) -> None:
    """Forgets what opened it, so that it closes with a clean record."""
    state.verdicts = []
    state.on_trial = False
    state.breaker_open_until = now + config.breaker_open_ms
