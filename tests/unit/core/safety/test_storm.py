"""A metric that flaps around its threshold for a day, against the gate and against a bare rule."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import NamedTuple

import pytest

from streams.core.safety.breaker import note_verification
from streams.core.safety.budget import note_start
from streams.core.safety.config import SafetyConfig
from streams.core.safety.gate import GateDecision
from streams.core.safety.state import SafetyState
from tests.kits.core.safety import HOUR, MINUTE, NOW, verdict

THRESHOLD = 80.0
MINUTES = 24 * 60
SETTLE = 5


class Storm(NamedTuple):
    naive: int
    begun: list[int]
    """Minutes at which a plan began."""


def uniform(*parts: object) -> float:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def rage(config: SafetyConfig, help_rate: float, seed: int) -> Storm:
    """Every minute the metric is a little above or below; what is above asks for an act."""
    state, begun, naive = SafetyState(), list[int](), 0
    for minute in range(MINUTES):
        now = NOW + minute * MINUTE
        if minute - SETTLE in begun:
            note_verification(state, uniform(seed, minute, "help") < help_rate, now, config)
        if THRESHOLD + 4 * (uniform(seed, minute) - 0.5) <= THRESHOLD:
            continue
        naive += 1
        running = frozenset({"cpu"}) if begun and minute - begun[-1] < 2 else frozenset[str]()
        answer = verdict(state, config=config, now=now, in_flight=running)
        if answer.decision is GateDecision.ALLOW:
            begun.append(minute)
            note_start(
                state,
                target="cpu",
                change=-10.0,
                scale=100.0,
                plan_id=f"p-{minute}",
                now=now,
                config=config,
            )
    return Storm(naive, begun)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("help_rate", [1.0, 0.5, 0.0])
def test_a_storm_stays_within_the_budget(help_rate: float, seed: int) -> None:
    config = SafetyConfig(acts_per_window=4)
    storm = rage(config, help_rate, seed)
    print(f"acts that help: {help_rate:.0%}; {len(storm.begun)} acts, bare rule {storm.naive}")
    assert 0 < len(storm.begun) <= 24 * config.acts_per_window
    for minute in range(MINUTES):
        window = [begun for begun in storm.begun if minute - HOUR // MINUTE < begun <= minute]
        assert len(window) <= config.acts_per_window
    rests = [later - earlier for earlier, later in pairwise(storm.begun)]
    assert all(rest * MINUTE >= config.cooldown_ms for rest in rests)
    assert storm.naive > 5 * len(storm.begun)


def test_acts_that_never_help_are_nearly_stopped() -> None:
    config = SafetyConfig()
    useful, useless = (rage(config, help_rate, 0) for help_rate in (1.0, 0.0))
    print(f"{len(useful.begun)} acts that help, {len(useless.begun)} that do not")
    assert len(useless.begun) <= 24 + config.breaker_failures
    assert len(useful.begun) > 4 * len(useless.begun)
