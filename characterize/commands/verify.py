"""`characterize verify`: a finished run proved again, at length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from characterize.spec import VerifySpec
from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output
from hwsim.commandline.options import SectionedCommand, asked, spec_options


@click.command(cls=SectionedCommand)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@spec_options(VerifySpec)
@click.option("--vcd", type=click.Path(path_type=Path), help="File for Icarus's waveforms of that comparison.")
@json_option
def verify(folder: Path, vcd: Path | None, json_path: Path | None, **options: Any) -> None:
    """Prove the run in DIR: RTL and netlist against exact integers on a cocotb bench, toggles against Icarus."""
    spec = VerifySpec.of(asked(VerifySpec, options))
    check_json_path(json_path)
    from characterize.runs.verification import refuse_difference
    from characterize.runs.verification import verify as prove

    report = prove(folder, spec, vcd=vcd)
    deliver_json(json_path, report)
    refuse_difference(report)
    aside = takes_standard_output(json_path)
    click.echo(f"function: {report.function.sentence()}", err=aside)
    click.echo(f"toggles: {report.toggles.sentence()}", err=aside)
