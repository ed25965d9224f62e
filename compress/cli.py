"""The `compress` command."""

from __future__ import annotations

import click

from hwsim.commandline.lazy_group import LazyCommand, LazyGroup

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


@click.group(cls=LazyGroup, lazy=COMMANDS)
@click.version_option(package_name="tilejoule")
def main() -> None:
    """Compress a network for an accelerator: search, evaluate, export and compare."""
