"""No secret is ever shown: not in the settings, their text, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.settings import Settings, describe, load_settings, read_secret

CANARY = "hunter2-canary"

SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "api-key-canary",
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(CANARY + "\n")
    return path


def test_a_password_reaches_the_client_and_nothing_else(secret: Path) -> None:
    settings = Settings(kafka={**SASL, "sasl_password_file": str(secret)})  # type: ignore[arg-type] # pydantic builds the section
    assert settings.librdkafka()["sasl.password"] == CANARY
    assert CANARY not in describe(settings)
    assert CANARY not in repr(settings)


def test_user_names_are_masked_since_many_are_api_keys(secret: Path) -> None:
    settings = Settings(kafka={**SASL, "sasl_password_file": str(secret)})  # type: ignore[arg-type] # pydantic builds the section
    assert "api-key-canary" not in describe(settings)
    assert 'sasl_username = "***"' in describe(settings)


@pytest.mark.parametrize(
    "overrides",
    [
        {"kafka.sasl_password": CANARY},
        {"kafka.bootstrap": f"user:{CANARY}@host:1"},
        {"registry.url": f"http://user:{CANARY}@host:1"},
        {"registry.password": CANARY},
        {"web.token": CANARY},
        {"web.peers": f"http://user:{CANARY}@host:1"},
        {"kafca.sasl_password": CANARY},
        {"api_key": CANARY},
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_unseen(overrides: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=overrides, environ={})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "variable",
    ["GOALSTREAM_KAFKA__SASL_PASSWORD", "GOALSTREAM_TOKEN", "GOALSTREAM_KAFCA__SASL_PASSWORD"],
)
def test_a_secret_in_a_variable_is_refused_unseen(variable: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={variable: CANARY})
    assert CANARY not in str(caught.value)


def test_the_remedy_for_an_inline_password_is_the_file_setting() -> None:
    with pytest.raises(ConfigError, match="sasl_password_file"):
        load_settings(overrides={"kafka.sasl_password": CANARY}, environ={})


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        read_secret(str(path), "web.token_file")


def test_a_missing_secret_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_secret(str(tmp_path / "none"), "web.token_file")
    assert caught.value.field == "web.token_file"
