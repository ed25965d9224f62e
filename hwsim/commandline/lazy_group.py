"""A group of commands that starts fast: a sub-command is imported when it is called, and help needs none of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from hwsim.commandline.group import CommandGroup


@dataclass(frozen=True)
class LazyCommand:
    """Where a sub-command is ("module:attribute"), and the line that help shows for it."""

    target: str
    help_line: str

    def load(self) -> click.Command:
        """Import and return the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is no click command")
        return command


class LazyGroup(CommandGroup):
    """A group that knows its sub-commands by name (`lazy`, in the order of the help)."""

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a sub-command, None for a name that is none."""
        return self._lazy[cmd_name].load() if cmd_name in self._lazy else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help_line) for name, command in self._lazy.items()])
