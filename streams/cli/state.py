"""What every command gets: the settings, and the things that differ from run to run."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from streams.errors import ConfigError, GoalstreamError

if TYPE_CHECKING:
    from rich.console import Console

    from streams.settings import Settings


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class CliState:
    """Global options, clock and ids of one call of the command line."""

    file: Path | None = None
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])
    now: Callable[[], int] = _now_ms
    """Wall clock, ms since the epoch."""
    new_id: Callable[[], str] = _new_id

    def settings(self) -> Settings:
        """The settings that are in force. Raises ConfigError."""
        from streams.settings import load_settings

        return load_settings(self.file, self.overrides)


def complain(error: GoalstreamError) -> None:
    """One message on stderr, with the next step on a line of its own."""
    typer.secho(f"error: {error.message}", fg=typer.colors.RED, err=True)
    if error.field:
        typer.echo(f"  {error.field} = {error.value!r}", err=True)
    if error.remedy:
        typer.echo(f"  {error.remedy}", err=True)


def stdout() -> Console:
    """A console for tables; wide when the output is not a terminal, so that nothing is cut."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=200)


def check_writable(file: Path | None, option: str) -> None:
    """Raises ConfigError when a file that is to be written later cannot be."""
    if file is None:
        return
    try:
        file.open("a").close()
    except OSError as error:
        raise ConfigError(
            f"file cannot be written: {error.strerror}",
            field=option,
            value=str(file),
            remedy="name a file in a folder that is there and may be written to",
        ) from error
