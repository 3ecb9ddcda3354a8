"""The backtest as a user meets it."""

from __future__ import annotations

import builtins
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from streams.cli import backtest_plot
from streams.cli.app import app

ROOT = Path(__file__).parents[3]
DATA = ROOT / "examples" / "data"
LIGHT = ("--set", "forecasting.models=holt_winters")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")
    for name in list(os.environ):
        if name.startswith("GOALSTREAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A file with noise around 100 and one outlier."""
    values = 100 + np.random.default_rng(1).standard_normal(400)
    values[300] = 140
    times = np.datetime64("2026-01-01T00:00:00") + np.arange(400) * np.timedelta64(60, "s")
    lines = [f"{time}Z,{value}" for time, value in zip(times, values, strict=True)]
    path = tmp_path / "noise.csv"
    path.write_text("\n".join(["timestamp,value", *lines]) + "\n")
    return path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*LIGHT, "backtest", *map(str, arguments)])


def figures(*arguments: object) -> dict[str, Any]:
    result = invoke(*arguments, "--json", "figures.json")
    assert result.exit_code == 0, result.output
    return json.loads(Path("figures.json").read_text())


def rows(result: Result) -> list[list[str]]:
    lines = [line for line in result.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_the_recorded_series_are_evaluated_at_four_horizons() -> None:
    files = sorted(DATA.glob("*.csv"))
    assert len(files) == 5
    result = invoke(*files, "--limit", 400)
    assert result.exit_code == 0, result.output
    table = rows(result)
    assert len(table) == 4 * len(files) + 4  # the last four are means over the files
    for number, file in enumerate(files):
        group = table[4 * number : 4 * number + 4]
        assert group[0][:3] == [str(file), "400", "300 s"]
        assert [row[5] for row in group] == ["1", "12", "24", "72"]
        assert all(0 <= float(row[11]) <= 1 for row in group)
        assert [row[:5] for row in group[1:]] == [[""] * 5] * 3
    assert table[-4][0] == "geometric mean"
    mase = [float(row[10]) for row in table[0:-4:4]]
    assert float(table[-4][10]) == pytest.approx(np.exp(np.mean(np.log(mase))), rel=1e-3)


def test_the_default_models_run() -> None:
    file = DATA / "ec2_cpu_utilization_5f5533.csv"
    result = CliRunner().invoke(app, ["backtest", str(file), "--limit", "300", "--json", "out"])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(Path("out").read_text())["files"]
    assert found["methods"] == ["ensemble"]
    assert found["micros_per_value"] > 0


def test_figures_are_written_with_every_measure(noise: Path) -> None:
    found = figures(noise, "--horizon", 3, "--horizon", 1, "--every", 4, "--level", 0.9)
    assert found["plan"]["horizons"] == [1, 3]
    assert (found["plan"]["every"], found["plan"]["level"]) == (4, 0.9)
    (file,) = found["files"]
    assert (file["file"], file["points"], file["step_seconds"]) == (str(noise), 400, 60.0)
    assert file["methods"] == ["holt_winters"]
    assert 1_767_225_600_000 + 300 * 60_000 in file["alarms"]
    assert [each["horizon"] for each in file["horizons"]] == [1, 3]
    for each in file["horizons"]:
        assert each["forecasts"] == pytest.approx(340 / 4, abs=1)
        assert each["mae"] <= each["rmse"]
        assert each["mase"] < 1
        assert each["mape"] == pytest.approx(each["mae"], rel=0.2)  # values are near 100
        assert 0.8 < each["coverage"] <= 1
        assert 0 < each["pinball"] < each["mae"]


def test_what_has_no_measure_is_a_dash_in_the_table_and_null_in_json(tmp_path: Path) -> None:
    path = tmp_path / "zero.csv"
    path.write_text("timestamp,value\n" + "\n".join(f"{60 * n},0" for n in range(60)))
    (file,) = figures(path)["files"]
    near, *_, far = file["horizons"]
    assert (near["mae"], near["mape"], near["mase"]) == (0, None, None)
    assert (far["forecasts"], far["mae"], far["coverage"]) == (0, None, None)
    assert rows(invoke(path))[0][7:11] == ["0", "0", "-", "-"]


@pytest.mark.parametrize(
    ("first", "step"), [("1400000000", 60), ("1400000000000", 60_000), ("1400000000.5", 60)]
)
def test_times_may_be_seconds_or_milliseconds(tmp_path: Path, first: str, step: int) -> None:
    lines = [f"x,{n % 7},{float(first) + n * step}" for n in range(60)]
    path = tmp_path / "epoch.csv"
    path.write_text("\n".join([" name , reading,at", *lines, ""]))
    (file,) = figures(path, "--time-column", "at", "--value-column", "reading")["files"]
    assert (file["points"], file["step_seconds"]) == (60, 60.0)


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-01-01,x", ["line 3: not a finite number", "value = 'x'", "correct the value"]),
        ("2026-01-01,nan", ["line 3: not a finite number", "value = 'nan'"]),
        ("2026-01-01,", ["line 3: not a finite number", "value = ''"]),
        ("yesterday,1", ["line 3: not a moment", "timestamp = 'yesterday'", "ISO 8601"]),
        ("inf,1", ["line 3: not a moment", "timestamp = 'inf'"]),
        ("1e30,1", ["line 3: not a moment", "timestamp = '1e30'"]),
        ("2026-01-01,1,2", ["line 3: wrong number of cells", "cells = 3", "give 2"]),
        ('2026-01-01,"1', ["line 3: not CSV"]),
    ],
)
def test_a_bad_line_is_named_with_file_column_and_value(
    tmp_path: Path, line: str, expected: list[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"timestamp,value\n2026-01-01,1\n{line}\n")
    result = invoke(path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {path}, ")
    for text in expected:
        assert text in result.stderr


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("time,value", ["no such column", "--time-column = 'timestamp'", "time, value"]),
        ("timestamp,values", ["no such column", "--value-column = 'value'", "timestamp, values"]),
        ("timestamp,value,value", ["stands twice", "--value-column = 'value'"]),
        ("", ["no such column"]),
    ],
)
def test_a_bad_header_is_named_with_the_option(
    tmp_path: Path, header: str, expected: list[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"{header}\n2026-01-01,1\n")
    result = invoke(path)
    assert result.exit_code == 1
    assert f"{path}, line 1: " in result.stderr
    for text in expected:
        assert text in result.stderr


def test_a_file_that_is_absent_or_empty_is_refused(tmp_path: Path) -> None:
    assert "No such file" in invoke("none.csv").stderr
    path = tmp_path / "empty.csv"
    path.write_text("timestamp,value\n\n")
    result = invoke(path)
    assert result.exit_code == 1
    assert "no readings" in result.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--level", "2"], "level = 2.0"),
        (["--horizon", "0"], "horizons = (0,)"),
        (["--warm-up", "1"], "warm_up = 1.0"),
        (["--method", "lstm"], "use one of holt_winters"),
        (["--plot-horizon", "5"], "add --horizon 5"),
        (["--plot", "none/plot.png"], "--plot = 'none/plot.png'"),
        (["--json", "none/out.json"], "--json = 'none/out.json'"),
    ],
)
def test_a_mistaken_option_is_refused(noise: Path, options: list[str], expected: str) -> None:
    result = invoke(noise, *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert expected in result.stderr


# -- picture --------------------------------------------------------------------------------------


def test_the_picture_has_a_panel_per_file(noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = backtest_plot.figure_type()
    made: list[Any] = []
    savefig = figure.savefig
    monkeypatch.setattr(
        figure, "savefig", lambda self, *args, **kw: (made.append(self), savefig(self, *args, **kw))
    )
    other = DATA / "ec2_cpu_utilization_5f5533.csv"
    options = ("--limit", 400, "--plot", "picture.png", "--plot-horizon", 12)
    assert invoke(noise, other, *options).exit_code == 0
    assert Path("picture.png").read_bytes().startswith(PNG)
    (drawn,) = made
    upper, lower = drawn.axes
    assert upper.get_title("left") == str(noise)
    assert lower.get_title("left") == str(other)
    value, forecast, alarms = upper.lines
    assert value.get_ydata()[300] == 140
    assert forecast.get_label() == "forecast, h = 12"
    assert 140 in alarms.get_ydata()
    assert len(upper.collections) == 1  # the interval


def test_without_matplotlib_the_plot_is_refused_and_the_table_is_not(
    noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kw: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *args, **kw)

    monkeypatch.setattr(builtins, "__import__", absent)
    result = invoke(noise, "--plot", "picture.png")
    assert result.exit_code == 1
    assert "pip install goalstream[plots]" in result.stderr
    assert not Path("picture.png").exists()
    assert re.search(r"noise\.csv .* 400 ", invoke(noise).stdout)


def _same(noise: Path, lines: list[str]) -> tuple[Result, dict[str, Any]]:
    """The backtest of the noise with its lines as given."""
    noise.write_text("\n".join(["timestamp,value", *lines]) + "\n")
    result = invoke(noise, "--json", "figures.json")
    assert result.exit_code == 0, result.output
    return result, json.loads(Path("figures.json").read_text())["files"][0]["horizons"]


def test_lines_in_any_order_are_one_series(noise: Path) -> None:
    lines = noise.read_text().splitlines()[1:]
    result, expected = _same(noise, lines)
    assert result.stderr == ""
    for order in (lines[::-1], lines[200:] + lines[:200]):
        result, found = _same(noise, order)
        assert found == expected
        assert "not in the order of time and are sorted" in result.stderr
    result, found = _same(noise, [*lines, lines[7]])
    assert found == expected
    assert "1 readings repeat a time" in result.stderr


def test_two_hosts_in_one_file_are_told_apart(noise: Path) -> None:
    lines = noise.read_text().splitlines()[1:]
    _, expected = _same(noise, lines)
    mixed = [row for line in lines for row in (f"{line},a", f"{line.split(',')[0]},5,b")]
    noise.write_text("\n".join(["timestamp,value,host", *mixed]) + "\n")
    refused = invoke(noise)
    assert refused.exit_code != 0
    assert "400 of 800 readings repeat a time" in refused.stderr
    assert "--where COLUMN=VALUE" in refused.stderr
    one = figures(noise, "--where", "host=a")["files"][0]["horizons"]
    assert one == expected
    assert "use one of: a, b" in invoke(noise, "--where", "host=c").stderr
    assert "write COLUMN=VALUE" in invoke(noise, "--where", "host").stderr


def test_micros_are_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "micros.csv"
    start = 1_767_225_600_000_000
    rows = [f"{start + i * 60_000_000},{i % 7}" for i in range(60)]
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    refused = invoke(path)
    assert "looks like us, not ms" in refused.stderr
    assert "--time-unit us" in refused.stderr
    assert invoke(path, "--time-unit", "us").exit_code == 0
