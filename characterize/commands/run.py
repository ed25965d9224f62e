"""`characterize run`: one MAC, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from characterize.spec import OperandSpec, RunSpec
from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output
from hwsim.commandline.options import SectionedCommand, asked, spec_options
from hwsim.commandline.terminal import terminal

OWN_FIELDS = [name for name in RunSpec.model_fields if name not in OperandSpec.model_fields]


@click.command(cls=SectionedCommand)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder for the results.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@json_option
@spec_options(RunSpec, leave_out=OperandSpec.model_fields)
@spec_options(RunSpec, leave_out=OWN_FIELDS, config=False)
def run(out: Path, quiet: bool, json_path: Path | None, **options: Any) -> None:
    """Characterize a MAC: synthesize it, simulate its gates on operand streams, write its energy table to --out."""
    check_json_path(json_path)
    spec = RunSpec.of(asked(RunSpec, options))
    from characterize.commands.run_report import RunDisplay, print_summary
    from characterize.runs.characterization import run as characterize

    with RunDisplay(quiet) as display:
        found = characterize(spec, out=out, progress=display.update)
    print_summary(found.table, out, terminal(stderr=takes_standard_output(json_path)))
    deliver_json(json_path, found.table)
