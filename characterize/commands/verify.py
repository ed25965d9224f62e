"""`characterize verify`: a finished run proved again, at length."""

from __future__ import annotations

from pathlib import Path

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--vectors", default=250_000, show_default=True, help="Vectors to drive; from 200000 on, all pairs of operands."
)
@click.option("--cycles", default=2_000, show_default=True, help="Cycles of the toggle comparison with Icarus.")
@click.option("--seed", default=1, show_default=True, help="Seed of the vectors.")
@click.option(
    "--liberty",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File of the run's full library, if it had one (repeatable).",
)
@click.option("--vcd", type=click.Path(path_type=Path), help="File for Icarus's waveforms of that comparison.")
@json_option
def verify(
    folder: Path,
    *,
    vectors: int,
    cycles: int,
    seed: int,
    liberty: tuple[Path, ...],
    vcd: Path | None,
    json_path: Path | None,
) -> None:
    """Prove the run in DIR: RTL and netlist against exact integers on a cocotb bench, toggles against Icarus."""
    check_json_path(json_path)
    from characterize.runs.verification import refuse_difference
    from characterize.runs.verification import verify as prove

    report = prove(folder, liberty=liberty, vectors=vectors, cycles=cycles, seed=seed, vcd=vcd)
    deliver_json(json_path, report)
    refuse_difference(report)
    aside = takes_standard_output(json_path)
    click.echo(f"function: {report.function.sentence()}", err=aside)
    click.echo(f"toggles: {report.toggles.sentence()}", err=aside)
