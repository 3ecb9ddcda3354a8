"""From a folder of series to tables, figures and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.__main__ import main
from benchmarks.quality.data import HELD_OUT, load, names, splits
from benchmarks.quality.marks import LEVELS, Mark
from streams.errors import ConfigError

LENGTH = 260


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three hourly waves; the last has a labelled spike."""
    folder = tmp_path / "data"
    folder.mkdir()
    random = np.random.default_rng(7)
    for number in range(3):
        values = 40 + 10 * np.sin(2 * np.pi * np.arange(LENGTH) / 24) + random.random(LENGTH)
        if number == 2:
            values[200] = 400
        start = np.datetime64("2020-01-01T00:00:00")
        lines = [
            f"{str(start + np.timedelta64(at, 'h')).replace('T', ' ')},{value}"
            for at, value in enumerate(values.tolist())
        ]
        (folder / f"wave{number}.csv").write_text("\n".join(["timestamp,value", *lines]) + "\n")
    window = ["2020-01-09 07:00:00.000000", "2020-01-09 12:00:00.000000"]
    (folder / "windows.json").write_text(json.dumps({"wave2.csv": [window]}))
    return folder


def run(data: Path, *options: str) -> tuple[int, dict, Path]:
    output, diagram = data.parent / "quality.json", data.parent / "reliability.png"
    words = ["--data", str(data), "--jobs", "1", "--output", str(output), "--diagram", str(diagram)]
    code = main([*words, *options])
    return code, json.loads(output.read_text()), diagram


def test_a_series_is_read_with_its_windows(data: Path) -> None:
    series = load(data, "wave2.csv")
    assert series.seconds[:2] == (1577836800.0, 1577840400.0)
    assert series.values[200] == 400
    assert series.windows == ((199, 204),)
    assert series.warm_up == 39
    assert load(data, "wave0.csv").windows == ()


def test_bad_data_is_named(data: Path) -> None:
    (data / "bad.csv").write_text("timestamp,value\n2020-01-01 00:00:00,1\nyesterday,2\n")
    with pytest.raises(ConfigError, match=r"bad.csv:3"):
        load(data, "bad.csv")
    (data / "windows.json").write_text('{"wave0.csv": [["1999-01-01 00:00:00", "x"]]}')
    with pytest.raises(ConfigError, match=r"windows.json"):
        load(data, "wave0.csv")
    with pytest.raises(ConfigError, match="no series"):
        names(data / "nowhere")


def test_the_splits_do_not_overlap() -> None:
    every = sorted([*HELD_OUT, "a.csv", "b.csv"])
    everything, selection, held_out = splits(every)
    assert held_out.members == frozenset(HELD_OUT)
    assert selection.members == {"a.csv", "b.csv"}
    assert everything.members == selection.members | held_out.members
    assert splits([f"{number}.csv" for number in range(7)])[2].members == {"2.csv", "5.csv"}


def test_the_run_writes_tables_figures_and_a_diagram(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, diagram = run(data, "--extra", "benchmarks.quality.baselines:Naive")
    assert code == 0
    shown = capsys.readouterr().out
    for text in ("Forecast", "Breach", "Anomaly", "Closed loop", "perfect foresight", "q10, q90"):
        assert text in shown
    assert diagram.read_bytes().startswith(b"\x89PNG")
    methods = found["splits"]["all"]["methods"]
    assert methods["benchmarks.quality.baselines:Naive"] == methods["naive"]
    assert methods["naive"]["forecasts"][0]["over_naive"] == pytest.approx(1)
    assert methods["shipped default"]["forecasts"][1]["over_naive"] < 0.8
    assert methods["shipped default"]["anomalies"]["windows"] == 1
    assert found["splits"]["held out"]["series"] == 1


def test_the_verdict_names_what_is_missed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = run(data, "--no-baselines", "--require-good", "--judge", "selection")
    assert list(found["splits"]["all"]["methods"]) == ["shipped default"]
    assert code == 1
    assert "anomaly, standard score is nan: not good" in capsys.readouterr().out


def test_an_unknown_method_ends_the_run(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--extra", "nothing"]) == 2
    assert "no such predictor" in capsys.readouterr().out


def test_marks() -> None:
    mark = Mark("coverage", 0.83, ((0.72, 0.88), (0.76, 0.84), (0.78, 0.82)))
    assert [mark.reaches(level) for level in LEVELS] == [True, True, False]
    assert mark.reached == "good"
    assert Mark("none", float("nan"), mark.bounds).reached == ""
