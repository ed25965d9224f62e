"""The `compress` command; each sub-command is imported only when it is called."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click

from hwsim.commandline.group import CommandGroup


@dataclass(frozen=True)
class LazyCommand:
    """Where a sub-command lives ("module:attribute") and the line that help shows for it."""

    target: str
    help_line: str


COMMANDS = {
    "search": LazyCommand("compress.commands.search:search", "Search a compression policy for a network."),
    "evaluate": LazyCommand("compress.commands.evaluate:evaluate", "Measure a policy on the test set."),
    "export": LazyCommand("compress.commands.export:export", "Write the smaller network that a policy leaves."),
    "train": LazyCommand("compress.commands.train:train", "Train a network from scratch."),
    "compare": LazyCommand("compress.commands.compare:compare", "Compare finished searches: table and front."),
    "sweep": LazyCommand("compress.commands.sweep:sweep", "Run searches over methods, models and seeds."),
    "report": LazyCommand("compress.commands.report:report", "Write the report of a finished search again."),
    "figure": LazyCommand("compress.commands.figure:figure", "Draw the paper's motivating figures for a network."),
    "reward": LazyCommand("compress.commands.reward:reward", "Write or plot the reward table."),
    "methods": LazyCommand("compress.commands.catalogues:methods", "List the search methods."),
    "models": LazyCommand("compress.commands.catalogues:models", "List the built-in networks."),
    "pruners": LazyCommand("compress.commands.catalogues:pruners", "List the pruners."),
}


class LazyGroup(CommandGroup):
    """A group that knows its sub-commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a sub-command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help_line) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Compress a network for an accelerator: search, evaluate, export and compare."""
