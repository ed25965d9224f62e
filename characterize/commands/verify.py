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
@click.option("--vcd", type=click.Path(path_type=Path), help="write Icarus's waveforms of that comparison to a file")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="write the report to a file")
def verify(
    folder: Path,
    *,
    vectors: int,
    cycles: int,
    seed: int,
    liberty: tuple[Path, ...],
    vcd: Path | None,
    json_file: Path | None,
) -> None:
    """Prove the run in DIR: RTL and netlist against exact integers on a cocotb bench, toggles against Icarus."""
    from characterize.bench.verification import QUICK_TO_RUN, Verdict, refuse_failure, verify_mac
    from characterize.runs.icarus_check import TOLERANCE, ToggleComparison, check_toggles
    from characterize.runs.recorded_run import read_run
    from hwsim.errors import RunError
    from hwsim.files.writing import write_json

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
    toggles = check_toggles(run, cycles, seed, vcd) if report.status is not Verdict.FAILED else None
    if json_file is not None:
        found = (
            toggles.as_json()
            if isinstance(toggles, ToggleComparison)
            else {"status": "not compared", "reason": toggles}
        )
        write_json(json_file, {"schema": 1, "function": report.as_json(), "toggles": found})
    refuse_failure(report)
    click.echo(f"function: {report.sentence()}")
    if not isinstance(toggles, ToggleComparison):
        click.echo(f"toggles: not compared: {toggles}")
        return
    if not toggles.agrees:
        raise RunError(f"toggles differ by more than {100 * TOLERANCE:g} %: {toggles.sentence()}")
    click.echo(f"toggles: {toggles.sentence()}")
