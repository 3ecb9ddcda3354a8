"""``goalstream config``: the settings in force."""

from __future__ import annotations

import typer


def config(ctx: typer.Context) -> None:
    """Print the settings in force as TOML: flags, environment, file and defaults."""
    from streams.settings import describe

    typer.echo(describe(ctx.obj.settings()), nl=False)
