"""The `hwsim` command: its sub-commands are imported when they are called."""

from __future__ import annotations

import importlib

import click

from hwsim.commandline.group import CommandGroup

COMMANDS = {
    "simulate": "Network on a tile: energy, cycles and accesses, by layer and level",
    "compare": "Results of simulations side by side, with what each saves",
    "networks": "Built-in networks, and the layers of one",
    "accelerators": "Built-in tiles, the file of one, and the schema of such files",
    "costs": "Built-in memory costs, the file of one, and their calibration",
    "validate": "Measured silicon beside the engines",
}
"""Sub-command to its line in the help; each lives in hwsim/commands under its own name."""


class LazyGroup(CommandGroup):
    """A group whose commands live in modules that are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"hwsim.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"hwsim.commands.{cmd_name}.command is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help's list without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Neural networks simulated on a row-stationary accelerator tile."""
