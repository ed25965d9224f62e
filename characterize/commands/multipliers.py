"""`characterize multipliers`: what is built in."""

from __future__ import annotations

from pathlib import Path

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output


@click.command()
@json_option
def multipliers(json_path: Path | None) -> None:
    """List the built-in multiplier architectures for `characterize run --multiplier`."""
    check_json_path(json_path)
    from characterize.synthesis.multipliers import multiplier_list

    listed = multiplier_list()
    for one in listed.multipliers:
        mark = " (default)" if one.name == listed.default else ""
        click.echo(f"{one.name:26s} {one.description}{mark}", err=takes_standard_output(json_path))
    deliver_json(json_path, listed)
