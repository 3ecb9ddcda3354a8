"""``goalstream token``: tokens are made, listed and taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streams.cli.app import app
from streams.cli.checks import Status, tokens
from streams.records import Role
from streams.settings.tokens import read_tokens
from streams.web.http.access import Caller, Tokens


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


def token(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [f"--set=web.tokens_file={file}", "token", *arguments])


def test_a_token_is_shown_once_and_opens_the_worker(file: Path) -> None:
    made = token(file, "add", "ann", "--role", "approver")
    shown = made.stdout.strip()

    assert made.exit_code == 0
    assert shown not in file.read_text(encoding="utf-8")
    assert Tokens(file=file).caller(shown) == Caller("ann", Role.APPROVER)
    assert Tokens(file=file).caller(shown[:-1]) is None
    assert token(file, "list").stdout == "ann\tapprover\n"


def test_every_token_is_another(file: Path) -> None:
    made = {token(file, "add", name, "--role", "viewer").stdout for name in ("a", "b", "c")}
    assert len(made) == len(read_tokens(file)) == 3


def test_one_that_was_taken_away_is_gone(file: Path) -> None:
    shown = token(file, "add", "ann", "--role", "admin").stdout.strip()
    assert token(file, "remove", "ann").exit_code == 0
    assert Tokens(file=file).caller(shown) is None
    assert token(file, "list").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "ann", "--role", "viewer"], "token remove ann"),
        (["add", "an n", "--role", "viewer"], "letter or digit in front"),
        (["add", "../x", "--role", "viewer"], "letter or digit in front"),
        (["remove", "bob"], "bob"),
    ],
)
def test_what_cannot_be_done_says_why(file: Path, arguments: list[str], words: str) -> None:
    token(file, "add", "ann", "--role", "admin")
    before = file.read_bytes()
    result = token(file, *arguments)
    assert result.exit_code == 1
    assert words in result.output
    assert file.read_bytes() == before


def test_without_a_file_it_is_said_which_setting_is_missing() -> None:
    result = CliRunner().invoke(app, ["token", "list"])
    assert result.exit_code == 1
    assert "web.tokens_file" in result.output


def test_the_doctor_wants_the_file_private(file: Path) -> None:
    token(file, "add", "ann", "--role", "admin")
    assert tokens(file).status is Status.OK
    file.chmod(0o640)
    assert (tokens(file).status, tokens(file).remedy) == (Status.FAIL, f"chmod 600 {file}")
    file.write_text("what", encoding="utf-8")
    assert tokens(file).status is Status.FAIL
