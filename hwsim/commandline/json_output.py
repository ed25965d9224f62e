"""`--json FILE` of every command that has results: a file, or with `-` standard output and nothing else on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hwsim.files.document import Document
from hwsim.files.writing import check_outputs, write_text

STANDARD_OUTPUT = Path("-")

json_option = click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=None,
    metavar="FILE",
    help="Write the results as JSON to FILE; - writes them to standard output and the tables to standard error.",
)


def check_json_path(path: Path | None, others: Mapping[str, Path | None] | None = None) -> None:
    """Refuse a `--json` file that could not be written, before any work is done.

    `others`: the command's other output files by option, checked in the same way; no two may be one file.
    """
    check_outputs({"--json": None if path == STANDARD_OUTPUT else path, **(others or {})})


def takes_standard_output(path: Path | None) -> bool:
    """Return whether the JSON goes to standard output, so that everything else belongs on standard error."""
    return path == STANDARD_OUTPUT


def deliver_json(path: Path | None, content: Document | dict[str, Any], *, quiet: bool = False) -> None:
    """Write the results where `--json` asked for them; nothing where it was not given. `quiet`: say nothing of it."""
    if path is None:
        return
    text = content.to_json() if isinstance(content, Document) else json.dumps(content, indent=2, allow_nan=False) + "\n"
    if takes_standard_output(path):
        click.echo(text, nl=False)
        return
    write_text(path, text)
    if not quiet:
        click.echo(f"wrote {path}")
