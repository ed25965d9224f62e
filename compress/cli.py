"""The `compress` command."""

from __future__ import annotations

import click

from hwsim.console import CommandGroup


@click.group(cls=CommandGroup)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Run one of the sub-commands below."""
