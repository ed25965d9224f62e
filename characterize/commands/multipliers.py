"""`characterize multipliers`: what is built in."""

from __future__ import annotations

import click


@click.command()
def multipliers() -> None:
    """List the built-in multiplier architectures for `characterize run --multiplier`."""
    from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, MULTIPLIERS

    for name, multiplier in MULTIPLIERS.items():
        mark = " (default)" if name == DEFAULT_MULTIPLIER else ""
        click.echo(f"{name:26s} {multiplier.description}{mark}")
