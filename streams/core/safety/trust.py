"""Where the engine may act by itself: in the rollout, and on forecasts that are good enough.

Cruise Control makes no proposals while its load model is incomplete; Deoxys falls back to a fixed
policy when it is uncertain. Here the running coverage of the intervals and the age of the newest
value say so.
"""

from __future__ import annotations

import hashlib

from streams.core.kernel.checks import MINUTE_MS
from streams.core.safety.config import SafetyConfig
from streams.records import GoalOrigin

_SPAN = 2**64


def in_rollout(entity_id: str, share: float, salt: str = "") -> bool:
    """Whether the entity belongs to the ``share`` (0..1) of all.

    The same on every machine and for all time. A larger share keeps all entities of a smaller
    one; another ``salt`` is an independent choice.
    """
    digest = hashlib.sha256(f"{salt}\x1f{entity_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * _SPAN


def doubt(
    coverage: float | None,
    promised: float,
    age_ms: int | None,
    config: SafetyConfig,
    *,
    origin: GoalOrigin,
) -> str:
    """Why nothing should run by itself on these forecasts; empty when nothing speaks against it.

    ``coverage`` is the running share of values inside their interval and ``promised`` the share
    that should have been; ``age_ms`` is the age of the newest value learned. None where the
    metric has no model yet, which only a goal that a user set may do without.
    """
    if coverage is None or age_ms is None:
        if origin is GoalOrigin.USER:
            return ""
        return "the metric has no forecast yet; wait for more values"
    if age_ms > config.max_model_age_ms:
        return (
            f"the newest value is {age_ms / MINUTE_MS:.3g} min old, the limit is "
            f"{config.max_model_age_ms / MINUTE_MS:.3g} min (safety.max_model_age_ms); "
            f"see whether the metric still arrives"
        )
    return low_coverage(coverage, promised, config)


def low_coverage(coverage: float, promised: float, config: SafetyConfig) -> str:
    """Why intervals that held ``coverage`` of all values instead of ``promised`` are not enough.

    Empty when they are. Only intervals that hold too little count: those that hold too much claim
    less than is known.
    """
    least = config.min_coverage * promised
    if coverage >= least:
        return ""
    return (
        f"forecast intervals held {coverage:.2f} of the values, {least:.2f} is needed "
        f"(safety.min_coverage {config.min_coverage:g} of {promised:g}); wait until they do, or "
        f"approve plans by hand"
    )
