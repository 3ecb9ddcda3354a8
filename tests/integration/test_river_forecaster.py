"""A worker whose settings name a model of River, in one line."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.records import Forecast, Metric
from tests.kits.kafka.deployment import Deployment, WorkerProcess
from tests.kits.kafka.ledger import START_MS, STEP_MS
from tests.kits.kafka.verifier import decoded

pytestmark = pytest.mark.timeout(300)

ENTITY = "web-1"
METRIC = "visits"
NAME = "daily_snarimax"
HORIZON = 12
MODELS = {"models": ["examples.river_forecaster:daily"]}
STEPS = 40
"""Values before the restart, and after it."""

VALUES = 50 + 10 * np.sin(np.arange(2 * STEPS)) + np.arange(2 * STEPS) % 7
TIMES = START_MS + STEP_MS * np.arange(2 * STEPS)


def learned(deployment: Deployment, steps: slice) -> None:
    """Have the worker learn the values of these steps."""
    metrics = [
        Metric(entity_id=ENTITY, timestamp=time, name=METRIC, value=value)
        for time, value in zip(TIMES[steps].tolist(), VALUES[steps].tolist(), strict=True)
    ]
    deployment.send("metrics", *metrics)
    deployment.wait_committed()


def expected(points: int) -> list[float]:
    """The forecast of one who has learned so many values and was never interrupted."""
    config = ForecastConfig(models=tuple(MODELS["models"]), horizon=HORIZON)
    bank = SeriesBank(config)
    bank.resize(1)
    bank.learn_many(np.zeros(points, np.int64), TIMES[:points], VALUES[:points])
    found = bank.forecast(0, HORIZON, config.level)
    assert found is not None
    return found.mean.tolist()


def asked(worker: WorkerProcess) -> dict[str, Any]:
    """What the worker answers to who asks for the model by name."""
    request = {"entity": ENTITY, "metric": METRIC, "method": NAME, "horizon": HORIZON}
    url = f"{worker.url}/api/forecasting/forecast"
    reply = httpx.post(url, json=request, timeout=10, trust_env=False)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_its_forecasts_are_published_and_its_state_survives_a_restart(
    deployment: Deployment,
) -> None:
    own = {"forecasting": {**MODELS, "interval_seconds": 60}}
    worker = deployment.worker("a", own).start().wait_ready()
    learned(deployment, slice(STEPS))
    worker.stop()
    worker.start().wait_ready()
    learned(deployment, slice(STEPS, 2 * STEPS))
    answer = asked(worker)
    assert (answer["method"], answer["predictions"]) == (NAME, expected(2 * STEPS))
    worker.stop()

    forecasts = [record for _, record in decoded(deployment, "forecasts")]
    points: list[int] = []
    for forecast in forecasts:
        assert isinstance(forecast, Forecast)
        assert (forecast.method, forecast.members) == (NAME, (NAME,))
        assert list(forecast.predictions) == expected(forecast.points)
        points.append(forecast.points)
    assert any(count <= STEPS for count in points)
    assert any(count > STEPS for count in points)
