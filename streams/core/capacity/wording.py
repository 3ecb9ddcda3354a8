"""Numbers as the texts of predictions show them."""

from __future__ import annotations

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS


def amount(value: float, unit: str) -> str:
    """A value in its unit, four digits: 97.5 %, 12000 calls."""
    digits = f"{value:.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.4g}"
    return f"{digits} {unit}" if unit else digits


def span(duration_ms: int) -> str:
    """A duration: 30 min, 6 h."""
    if duration_ms < _HOUR_MS:
        return f"{duration_ms / _MINUTE_MS:.3g} min"
    return f"{duration_ms / _HOUR_MS:.3g} h"


def after(ahead_ms: int) -> str:
    """When something happens: now, in 30 min, in 6 h."""
    return f"in {span(ahead_ms)}" if ahead_ms > 0 else "now"


def counted(number: int, noun: str) -> str:
    """1 bottleneck, 2 bottlenecks."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
