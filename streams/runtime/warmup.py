"""Compiles what learns before the first record waits for it."""

from __future__ import annotations

import time

import numpy as np
import structlog

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.jit import Cache

log = structlog.get_logger(__name__)

WORTH_TELLING_SECONDS = 3.0


def warm_up(config: ForecastConfig) -> float:
    """Run every compiled function of the forecasters once; returns the seconds that it took.

    The first start on a machine compiles for some seconds, later ones read the cache on disk.
    Without a folder to keep it in, each start compiles: a warning, not an error.
    """
    begin = time.perf_counter()
    log.info("forecasters are made ready", models=config.models)
    bank = SeriesBank(config)
    bank.resize(1)
    row, times = np.zeros(2, np.int64), np.array([0, 1000], np.int64)
    bank.learn_many(row, times, np.array([1.0, 2.0]))
    bank.forecast(0, config.horizon, config.level)
    bank.breach(0, 1.0, config.horizon, above=True)
    bank.load(0, bank.dump(0))
    seconds = time.perf_counter() - begin
    if not Cache.usable:
        log.warning(
            "compiled code cannot be kept: every start compiles anew",
            seconds=round(seconds, 1),
            remedy="set NUMBA_CACHE_DIR to a folder that this user may write to",
        )
    elif seconds > WORTH_TELLING_SECONDS:
        log.info(
            "forecasters compiled; the next start takes them from the cache",
            seconds=round(seconds, 1),
        )
    return seconds
