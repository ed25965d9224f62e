"""The `characterize` command; each sub-command is imported only when it is called."""

from __future__ import annotations

import importlib

import click

from hwsim.commandline.group import CommandGroup

COMMANDS = {
    "run": ("characterize.commands.run:run", "Characterize a MAC: RTL to a table of energy by precision."),
    "verify": ("characterize.commands.verify:verify", "Prove a run's netlist against its RTL, at length."),
    "compare": ("characterize.commands.compare:compare", "Compare finished runs: table, CSV and plots."),
    "multipliers": ("characterize.commands.multipliers:multipliers", "List the built-in multiplier architectures."),
    "fit-technology": (
        "characterize.commands.fit_technology:fit_technology",
        "Fit the compact technology table from Liberty files.",
    ),
}
"""Sub-command to "module:attribute" and the line that help shows for it."""


class LazyGroup(CommandGroup):
    """A group that knows its sub-commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a sub-command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Characterize a MAC unit: from its RTL to a table of energy by precision."""
