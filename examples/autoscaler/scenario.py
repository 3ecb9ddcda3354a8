"""How the engine is set for the example: analyse every value, and act on it without asking."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from examples.autoscaler.loads import STEP_MS, UNIT
from examples.autoscaler.service import DEMAND, UNITS
from streams.core.goal_rules.scaling import ScalingRule
from streams.settings import EMBEDDED, Settings

APP_ID = "goalstream-autoscaler"
RULE = ScalingRule(UNITS, UNIT, caution=1.5, lookahead=9, hold=2)
"""Caution, lookahead and hold give the least violations over the Kubernetes rule's at equal cost
on the two made loads; the recorded ones had no say in it."""


def autoscaler_settings(state_dir: Path) -> Settings:
    """Settings of worker and core; the worker keeps its state in ``state_dir``."""
    never = 365 * 24 * 3600.0
    return Settings.model_validate(
        {
            "kafka": {"bootstrap": EMBEDDED},
            "time": {"decisions": "event"},
            "worker": {
                "app_id": APP_ID,
                "state_dir": state_dir,
                # Event time stands still between two steps, and every step brings values.
                "tick_seconds": never,
            },
            "web": {"port": 0},
            "logging": {"level": "ERROR"},
            "forecasting": {"interval_seconds": 0, "horizon": RULE.lookahead, "level": 0.8},
            "setting": {"scaling": {DEMAND: asdict(RULE)}},
            "planning": {
                "cooldown_seconds": 0,
                "action_delay_seconds": 0,
                "scheduled_delay_seconds": 0,
                "adaptive_delay_seconds": 0,
            },
            "safety": {
                "mode": "act",
                "cooldown_seconds": 0,
                "acts_per_window": 2 * 3_600_000 // STEP_MS,
                # A crowd may need ten times the units of now, and no person is asked.
                "max_step_change": 1_000,
                "max_window_change": 1_000,
                "min_coverage": 0,
            },
            # Less than a step: the next reading of the units shows what the last act did.
            "effects": {"settle_seconds": STEP_MS / 5_000},
        }
    )
