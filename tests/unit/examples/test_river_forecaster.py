"""The forecaster of River in the examples."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from examples.river_forecaster import daily
from streams.cli.app import app
from streams.core.forecasting.config import ForecastConfig
from streams.testing import check_forecaster

DATA = Path(__file__).parents[3] / "examples" / "data"
ONE_LINE = 'forecasting.models=["holt_winters", "examples.river_forecaster:daily"]'


def test_it_keeps_the_contract() -> None:
    check_forecaster(lambda: daily(ForecastConfig()))


def test_one_line_of_settings_lets_a_backtest_ask_it(tmp_path: Path) -> None:
    file, out = DATA / "ec2_cpu_utilization_5f5533.csv", tmp_path / "figures.json"
    asked = ["--method", "daily_snarimax", "--limit", "600", "--json", str(out)]
    result = CliRunner().invoke(app, ["--set", ONE_LINE, "backtest", str(file), *asked])
    assert result.exit_code == 0, result.output
    (figures,) = json.loads(out.read_text())["files"]
    assert figures["methods"] == ["daily_snarimax"]
    assert all(each["forecasts"] > 0 and each["mase"] < 3 for each in figures["horizons"])
