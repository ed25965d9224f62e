"""`characterize run`: one MAC, one table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from characterize.spec import (
    Accounting,
    ActivityKind,
    Alignment,
    Dataflow,
    OperandSpec,
    RunSpec,
    Simulator,
    parse_bits,
    parse_parameters,
    parse_ports,
)


def _choice(enum: Any) -> click.Choice[str]:
    return click.Choice([member.value for member in enum])


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="new folder for the results")
@click.option("--rtl", type=click.Path(path_type=Path), multiple=True, help="Verilog file of your own MAC (repeatable)")
@click.option("--top", help="module to characterize, with --rtl")
@click.option("--parameter", multiple=True, metavar="NAME=INTEGER", help="parameter of --top (repeatable)")
@click.option("--port", multiple=True, metavar="ROLE=NAME", help="port that plays a role (repeatable), with --rtl")
@click.option(
    "--liberty", type=click.Path(path_type=Path), multiple=True, help="full library (.lib, .lib.gz; repeatable)"
)
@click.option("--bits", default="2-8", show_default=True, help="precisions of both operands: 2-8 or 4,8")
@click.option("--multiplier", help="built-in architecture (see `characterize multipliers`)")
@click.option("--dataflow", type=_choice(Dataflow), default=Dataflow.WEIGHT_STATIONARY.value, show_default=True)
@click.option("--alignment", type=_choice(Alignment), default=Alignment.LSB.value, show_default=True)
@click.option("--operands", default="dnn", show_default=True, help="dnn, uniform, or an .npz of a quantized network")
@click.option("--zero-activations", default=0.45, show_default=True, help="share of exact zeros in dnn activations")
@click.option("--hold", default=32, show_default=True, help="cycles (outputs of a row) that weights stay")
@click.option("--chain-depth", default=12, show_default=True, help="PEs that add to one psum, or weights of a row")
@click.option("--accounting", type=_choice(Accounting), default=Accounting.TOTAL.value, show_default=True)
@click.option("--activity", type=_choice(ActivityKind), default=ActivityKind.TIMED.value, show_default=True)
@click.option("--simulator", type=_choice(Simulator), default=Simulator.COMPILED.value, show_default=True)
@click.option("--ci", default=0.02, show_default=True, help="relative half-width of the 95 % intervals to reach")
@click.option("--period-ps", default=1500.0, show_default=True, help="clock period, ps")
@click.option("--wire-load-ff", default=0.0, show_default=True, help="wire capacitance for each pin on a net, fF")
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1, 256), help="threads [default: all cores]")
@click.option("--verify/--no-verify", default=True, show_default=True, help="cocotb bench on RTL and netlist first")
@click.option("--quiet", is_flag=True, help="no progress display")
def run(out: Path, quiet: bool, **options: Any) -> None:
    """Characterize a MAC: synthesize it, simulate its gates on operand streams, write its energy table to --out."""
    from hwsim.files.writing import check_new_folder, staged_folder

    spec = read_spec(options)
    check_new_folder(out)
    from characterize.commands.run_report import RunDisplay, print_summary
    from characterize.runs.files import write_run
    from characterize.runs.pipeline import characterize

    started = time.perf_counter()
    with RunDisplay(quiet) as display:
        outcome = characterize(spec, display.update)
    with staged_folder(out) as folder:
        write_run(outcome, spec, folder, time.perf_counter() - started)
    print_summary(outcome.table, out)


def read_spec(options: dict[str, Any]) -> RunSpec:
    """Turn command-line options into a specification; raises InputError naming the option."""
    stream = OperandSpec(
        operands=options["operands"],
        dataflow=Dataflow(options["dataflow"]),
        alignment=Alignment(options["alignment"]),
        zero_activation_share=options["zero_activations"],
        hold_cycles=options["hold"],
        chain_depth=options["chain_depth"],
    )
    bits = parse_bits(options["bits"])
    chosen: dict[str, Any] = {} if options["jobs"] is None else {"jobs": options["jobs"]}
    return RunSpec(
        rtl=tuple(options["rtl"]),
        top=options["top"],
        liberty=tuple(options["liberty"]),
        multiplier=options["multiplier"],
        ports=parse_ports(options["port"]),
        parameters=parse_parameters(options["parameter"]),
        weight_bits=bits,
        activation_bits=bits,
        stream=stream,
        accounting=Accounting(options["accounting"]),
        simulator=Simulator(options["simulator"]),
        activity=ActivityKind(options["activity"]),
        ci=options["ci"],
        period_ps=options["period_ps"],
        wire_load_ff=options["wire_load_ff"],
        verify=options["verify"],
        seed=options["seed"],
        **chosen,
    )
