"""The `hwsim` command."""

from __future__ import annotations

import click

from hwsim.commandline.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "simulate": LazyCommand(
        "hwsim.commands.simulate:command", "Network on a tile: energy, cycles and accesses, by layer and level."
    ),
    "compare": LazyCommand(
        "hwsim.commands.compare:command", "Results of simulations side by side, with what each saves."
    ),
    "networks": LazyCommand("hwsim.commands.networks:command", "Built-in networks, and the layers of one."),
    "accelerators": LazyCommand(
        "hwsim.commands.accelerators:command", "Built-in tiles, the file of one, and the schema of such files."
    ),
    "costs": LazyCommand(
        "hwsim.commands.costs:command", "Built-in memory costs, the file of one, and their calibration."
    ),
    "validate": LazyCommand("hwsim.commands.validate:command", "Measured silicon beside the engines."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Neural networks simulated on a row-stationary accelerator tile."""
