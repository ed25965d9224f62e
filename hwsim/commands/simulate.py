"""`hwsim simulate`: what a network costs on a tile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hwsim.mapping.mapping import Mapping
    from hwsim.simulation.run import Run

_FILE = click.Path(path_type=Path)


@click.command("simulate")
@click.argument("network")
@click.option("--accelerator", default="paper", show_default=True, metavar="NAME|FILE.toml", help="Tile.")
@click.option("--batch", default=1, show_default=True, help="Images in a batch.")
@click.option("--bits", type=int, help="Precision of all operands; the datapath's where left out.")
@click.option("--policy", type=_FILE, help="policy.json as `compress` completes it: bits, zeros and channels by layer.")
@click.option("--engine", default="analytic", show_default=True, metavar="analytic|cycle", help="Closed form, or run.")
@click.option(
    "--objective",
    default="energy",
    show_default=True,
    metavar="energy|latency|edp",
    help="Figure the mapper minimises.",
)
@click.option(
    "--mapping", type=_FILE, help="Mappings by layer (JSON), or a result of --json; the mapper does the rest."
)
@click.option("--mac-table", type=_FILE, help="mac_energy.json; the shipped one where left out.")
@click.option("--costs", metavar="PRESET|FILE.toml", help="Memory costs; the accelerator's own where left out.")
@click.option("--layer", metavar="NAME", help="Layer that is simulated alone.")
@click.option("--seed", default=0, show_default=True, help="Seed of the cycle engine's random tensors.")
@click.option(
    "--keep-ofmaps", is_flag=True, help="Ofmaps that fit in the GLB stay there for the layers that read them."
)
@json_option
@click.option("--csv", "csv_path", type=_FILE, metavar="FILE", help="File for one row a layer.")
@click.option("--report", type=_FILE, metavar="FILE", help="File for a self-contained HTML report with plots.")
@click.option("--trace", type=_FILE, metavar="FILE", help="File for a timeline in chrome://tracing or Perfetto.")
@click.option("--quiet", is_flag=True, help="No table is printed.")
def command(
    *,
    network: str,
    accelerator: str,
    batch: int,
    bits: int | None,
    policy: Path | None,
    engine: str,
    objective: str,
    mapping: Path | None,
    mac_table: Path | None,
    costs: str | None,
    layer: str | None,
    seed: int,
    keep_ofmaps: bool,
    json_path: Path | None,
    csv_path: Path | None,
    report: Path | None,
    trace: Path | None,
    quiet: bool,
) -> None:
    """NETWORK on a tile: energy, cycles and accesses, by layer and level.

    NETWORK is a built-in name (`hwsim networks`) or the path of an ONNX model or of a network in TOML or JSON.
    """
    from hwsim.files.writing import write_json, write_text
    from hwsim.simulation.simulate import simulate

    check_json_path(json_path, {"--csv": csv_path, "--report": report, "--trace": trace})
    run = simulate(
        network,
        accelerator,
        engine,
        batch=batch,
        objective=objective,
        mac_table=mac_table,
        costs=costs,
        bits=bits,
        policy=policy,
        mappings=_mappings(mapping, layer),
        layer=layer,
        seed=seed,
        weights=_weights(network, engine),
        keep_ofmaps=keep_ofmaps,
    )
    aside = takes_standard_output(json_path)
    if not quiet:
        _print(run, aside=aside)
    deliver_json(json_path, run.result(), quiet=quiet)
    if csv_path is not None:
        write_text(csv_path, run.layers.to_csv(index=False))
    if report is not None:
        from hwsim.reports.html_report import html_report

        write_text(report, html_report(run))
    if trace is not None:
        from hwsim.reports.chrome_trace import chrome_trace

        write_json(trace, chrome_trace(run))
    for path in (csv_path, report, trace):
        if path is not None and not quiet:
            click.echo(f"wrote {path}", err=aside)


def _print(run: Run, *, aside: bool) -> None:
    from hwsim.commandline.terminal import fits, terminal
    from hwsim.reports.table import narrow_table, simulation_summary, simulation_table

    console, table = terminal(stderr=aside), simulation_table(run)
    console.print(table if fits(console, table) else narrow_table(run))
    click.echo("\n".join(simulation_summary(run)), err=aside)


def _mappings(path: Path | None, layer: str | None) -> dict[str, Mapping] | None:
    if path is None:
        return None
    from hwsim.mapping.mapping_file import read_mappings

    return read_mappings(path, layer)


def _weights(network: str, engine: str) -> dict[str, NDArray[Any]] | None:
    if engine != "cycle" or not network.endswith(".onnx"):
        return None
    from hwsim.workload.onnx_file import read_onnx_weights

    return read_onnx_weights(Path(network))
