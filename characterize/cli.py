"""The `characterize` command."""

from __future__ import annotations

import click

from hwsim.commandline.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "run": LazyCommand("characterize.commands.run:run", "Characterize a MAC: RTL to a table of energy by precision."),
    "verify": LazyCommand("characterize.commands.verify:verify", "Prove a run's netlist against its RTL, at length."),
    "compare": LazyCommand("characterize.commands.compare:compare", "Compare finished runs: table, CSV and plots."),
    "multipliers": LazyCommand(
        "characterize.commands.multipliers:multipliers", "List the built-in multiplier architectures."
    ),
    "fit-technology": LazyCommand(
        "characterize.commands.fit_technology:fit_technology", "Fit the compact technology table from Liberty files."
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Characterize a MAC unit: from its RTL to a table of energy by precision."""
