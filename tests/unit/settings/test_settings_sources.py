"""Where settings come from, which source wins, and what is said about the bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.settings import Settings, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "goalstream.toml"


def test_without_any_source_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}) == Settings()


@pytest.mark.parametrize(
    ("flag", "variable", "in_file", "expected"),
    [
        ("f", "e", "t", "f"),
        (None, "e", "t", "e"),
        (None, None, "t", "t"),
        (None, None, None, "goalstream"),
        ("f", None, "t", "f"),
        ("f", "e", None, "f"),
    ],
)
def test_flags_win_over_environment_over_file_over_default(
    file: Path, flag: str | None, variable: str | None, in_file: str | None, expected: str
) -> None:
    file.write_text(f'[worker]\napp_id = "{in_file}"\n' if in_file else "")
    settings = load_settings(
        file,
        {"worker.app_id": flag} if flag else {},
        {"GOALSTREAM_WORKER__APP_ID": variable} if variable else {},
    )
    assert settings.worker.app_id == expected


def test_sources_are_merged_key_by_key(file: Path) -> None:
    file.write_text('[kafka]\nbootstrap = "a:1"\n[metrics.cpu]\ncapacity = 5\n')
    settings = load_settings(
        file, {"metrics.cpu.unit": "%"}, {"GOALSTREAM_METRICS__CPU__LIMIT_RATIO": "0.5"}
    )
    assert settings.kafka.bootstrap == "a:1"
    cpu = settings.metrics["cpu"]
    assert (cpu.capacity, cpu.unit, cpu.limit_ratio) == (5.0, "%", 0.5)


def test_the_default_file_is_read_from_the_working_directory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[web]\nport = 6001\n")
    monkeypatch.chdir(file.parent)
    assert load_settings(environ={}).web.port == 6001


def test_a_file_that_was_named_must_be_there(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environ={})
    assert caught.value.value == str(file)


def test_a_file_that_is_not_toml_is_named_with_the_place(file: Path) -> None:
    file.write_text("[kafka\n")
    with pytest.raises(ConfigError, match=r"goalstream\.toml is not TOML.*line 1"):
        load_settings(file, environ={})


@pytest.mark.spec("S1-164")
def test_a_misspelt_key_in_the_file_is_refused_with_the_nearest_one(file: Path) -> None:
    file.write_text('[kafka]\nbootstrapp = "x:1"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environ={})
    error = caught.value
    assert (error.field, error.value) == ("kafka.bootstrapp", "x:1")
    assert error.remedy == "did you mean 'bootstrap'?"
    assert str(file) in error.message


def test_a_misspelt_section_is_refused(file: Path) -> None:
    file.write_text("[forecastin]\nhorizon = 3\n")
    with pytest.raises(ConfigError, match="did you mean 'forecasting'"):
        load_settings(file, environ={})


@pytest.mark.parametrize("name", ["GOALSTREAM_KAFKA__BOOTSTRAPP", "GOALSTREAM_KAFKAS__BOOTSTRAP"])
def test_a_misspelt_variable_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_settings(environ={name: "x:1"})


def test_variables_of_other_programs_are_none_of_our_business() -> None:
    assert load_settings(environ={"KAFKA_BOOTSTRAP": "x"}).kafka.bootstrap == "localhost:9092"


def test_a_bad_value_is_named_with_path_value_source_and_remedy() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={"GOALSTREAM_WEB__PORT": "70000"})
    error = caught.value
    assert (error.field, error.value) == ("web.port", "70000")
    assert "GOALSTREAM_WEB__PORT" in error.message
    assert "65535" in error.remedy


def test_every_bad_value_is_named_at_once(file: Path) -> None:
    file.write_text("[web]\nport = -1\n[worker]\nbatch_records = 0\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {"kafka.bootstrap": "nonsense"}, {})
    for path in ("web.port", "worker.batch_records", "kafka.bootstrap"):
        assert path in str(caught.value)


def test_every_bad_value_of_the_core_is_named_at_once_in_the_settings_units(file: Path) -> None:
    file.write_text("[forecasting]\nhorizon = 169\n[planning]\nlease_seconds = 0.0001\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environ={})
    assert "forecasting.horizon = 169" in str(caught.value)
    assert "use 1 to 168" in str(caught.value)
    assert "planning.lease_seconds = 0.0001" in str(caught.value)
    assert "use 0.001 to" in str(caught.value)


@pytest.mark.parametrize("text", ["a,b", " a , b ", '["a", "b"]'])
def test_lists_from_text_are_json_or_comma_separated(text: str) -> None:
    settings = load_settings(environ={"GOALSTREAM_WORKER__HANDLERS": text})
    assert settings.worker.handlers == ("a", "b")


def test_flags_reach_metrics_with_dots_in_their_names_by_quotes() -> None:
    settings = load_settings(overrides={'metrics."cpu.usage".capacity': "90"}, environ={})
    assert settings.metrics["cpu.usage"].capacity == 90.0


@pytest.mark.parametrize("key", ["a b", "", "kafka.", "kafka = 1\nx"])
def test_a_flag_whose_name_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError):
        load_settings(overrides={key: "1"}, environ={})


@pytest.mark.parametrize("variable", ["GOALSTREAM_KAFKA", "GOALSTREAM_METRICS"])
def test_text_for_a_whole_section_is_refused_without_showing_it(variable: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={variable: '{"sasl_password": "canary"}'})
    assert "canary" not in str(caught.value)
    assert "table" in caught.value.remedy
