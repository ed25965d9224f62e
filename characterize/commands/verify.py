"""`characterize verify`: a finished run proved again, at length."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--vectors", default=250_000, show_default=True, help="vectors to drive; from 200000 all operand pairs")
@click.option("--cycles", default=2_000, show_default=True, help="cycles of the toggle comparison with Icarus")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--liberty",
    type=click.Path(path_type=Path),
    multiple=True,
    help="full library of the run, if it had one (repeatable)",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="write the report to a file")
def verify(
    folder: Path, *, vectors: int, cycles: int, seed: int, liberty: tuple[Path, ...], json_file: Path | None
) -> None:
    """Prove the run in DIR: RTL and netlist against exact integers on a cocotb bench, toggles against Icarus."""
    from characterize.recorded_run import read_run
    from characterize.verification import QUICK_TO_RUN, refuse_failure, verify_mac
    from hwsim.files import write_json

    run = read_run(folder, liberty)
    report = verify_mac(
        run.design,
        run.interface,
        run.netlist,
        run.netlist_verilog,
        vectors=vectors,
        seed=seed,
        preferred=QUICK_TO_RUN,
        wraps=not run.own_rtl,
    )
    content = {"schema": 1, "function": report.as_json()}
    if json_file is not None:
        write_json(json_file, content)
    refuse_failure(report)
    click.echo(f"function: {report.sentence()}")
