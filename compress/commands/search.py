"""`compress search`: find the policy that saves most within an accuracy budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from compress.commands.method_options import method_options, search_settings
from compress.searching.spec import SearchSpec
from hwsim.commandline.json_output import json_option
from hwsim.commandline.options import SectionedCommand, spec_options
from hwsim.errors import InputError, RunError

_MOST_THREADS = 1024


@click.command(cls=SectionedCommand)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder of the run.")
@click.option("--resume", is_flag=True, help="Continue the search of --out; its options are remembered.")
@click.option("--threads", type=int, help="Threads that torch may use.  [default: its own choice]")
@click.option("--quiet", is_flag=True, help="Print the result only.")
@json_option
@spec_options(SearchSpec)
@method_options
def search(
    *, out: Path, resume: bool, threads: int | None, quiet: bool, json_path: Path | None, **options: Any
) -> None:
    """Search a compression policy: a pruner, a sparsity and a precision for each layer."""
    asked = search_settings(options)
    import torch

    from compress.reports.terminal_progress import SearchDisplay
    from compress.reports.terminal_summary import print_summary
    from compress.runs.search_run import run_search
    from hwsim.commandline.json_output import check_json_path, deliver_json, takes_standard_output
    from hwsim.commandline.terminal import terminal

    check_json_path(json_path)
    if threads is not None:
        if not 1 <= threads <= _MOST_THREADS:
            raise InputError(f"--threads is {threads}, must be a whole number from 1 to {_MOST_THREADS}")
        torch.set_num_threads(threads)
    console = terminal(stderr=takes_standard_output(json_path))
    try:
        found = run_search(asked, out, SearchDisplay(console, quiet=quiet), resume=resume)
    except KeyboardInterrupt as interrupt:  # click would print a blank line and forget what it says
        raise RunError(str(interrupt) or "interrupted before the first episode; nothing is lost") from None
    print_summary(console, found.result, out)
    deliver_json(json_path, found.result)
