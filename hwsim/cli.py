"""The `hwsim` command: its sub-commands are imported when they are called."""

from __future__ import annotations

import importlib

import click

from hwsim.commandline.group import CommandGroup

COMMANDS = {
    "simulate": "Map a network on a tile, count, time and price it.",
    "networks": "List the built-in networks.",
    "accelerators": "List the built-in accelerator tiles, show one, or print the schema of their files.",
    "costs": "List the memory-cost presets, show one, or calibrate one.",
    "validate": "Put the engines beside measured silicon.",
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
    """Simulate neural networks on a row-stationary accelerator tile."""
