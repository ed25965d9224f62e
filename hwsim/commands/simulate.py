"""`hwsim simulate`: what a network costs on a tile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hwsim.mapping.mapping import Mapping
    from hwsim.workload.policy import LayerTreatment

_FILE = click.Path(path_type=Path)


@click.command("simulate")
@click.argument("network")
@click.option("--accelerator", default="paper", show_default=True, metavar="NAME|FILE.toml", help="The tile.")
@click.option("--batch", default=1, show_default=True, help="Images in a batch.")
@click.option("--bits", type=int, help="Precision of all operands; the datapath's where left out.")
@click.option("--policy", type=_FILE, help="policy.json: bits, sparsity and shape by layer.")
@click.option("--engine", default="analytic", show_default=True, metavar="analytic|cycle", help="Closed form, or run.")
@click.option("--objective", default="energy", show_default=True, metavar="energy|latency|edp", help="Of the mapper.")
@click.option(
    "--mapping", type=_FILE, help="Mappings by layer (JSON), or a result of --json; the mapper does the rest."
)
@click.option("--mac-table", type=_FILE, help="mac_energy.json; the shipped one where left out.")
@click.option("--costs", metavar="PRESET|FILE.toml", help="Memory costs; the accelerator's own where left out.")
@click.option("--layer", metavar="NAME", help="Simulate one layer alone.")
@click.option("--seed", default=0, show_default=True, help="Of the cycle engine's random tensors.")
@click.option("--keep-ofmaps", is_flag=True, help="Keep an ofmap that fits in the GLB for the layers that read it.")
@click.option("--json", "json_path", type=_FILE, help="Write the result to this file.")
@click.option("--csv", "csv_path", type=_FILE, help="Write one row a layer to this file.")
@click.option("--report", type=_FILE, help="Write a self-contained HTML report with plots.")
@click.option("--trace", type=_FILE, help="Write a timeline for chrome://tracing or Perfetto.")
@click.option("--quiet", is_flag=True, help="Print no table.")
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
    """Map NETWORK on a tile layer by layer, count and time what moves, and price it.

    NETWORK is a built-in name (`hwsim networks`) or the path of an ONNX model or of a network in TOML or JSON.
    """
    from hwsim.files.writing import check_writable, write_json, write_text
    from hwsim.simulation.simulate import simulate

    for path in (json_path, csv_path, report, trace):
        if path is not None:
            check_writable(path)
    run = simulate(
        network,
        accelerator,
        engine,
        batch=batch,
        objective=objective,
        mac_table=mac_table,
        costs=costs,
        bits=bits,
        policy=_policy(policy),
        mappings=_mappings(mapping, layer),
        layer=layer,
        seed=seed,
        weights=_weights(network, engine),
        keep_ofmaps=keep_ofmaps,
    )
    if not quiet:
        from hwsim.commandline.terminal import fits, terminal
        from hwsim.reports.table import narrow_table, simulation_summary, simulation_table

        console, table = terminal(), simulation_table(run)
        console.print(table if fits(console, table) else narrow_table(run))
        click.echo("\n".join(simulation_summary(run)))
    if json_path is not None:
        write_json(json_path, run.as_json())
    if csv_path is not None:
        write_text(csv_path, run.layers.to_csv(index=False))
    if report is not None:
        from hwsim.reports.html_report import html_report

        write_text(report, html_report(run))
    if trace is not None:
        from hwsim.reports.chrome_trace import chrome_trace

        write_json(trace, chrome_trace(run))
    for path in (json_path, csv_path, report, trace):
        if path is not None and not quiet:
            click.echo(f"wrote {path}")


def _policy(path: Path | None) -> dict[str, LayerTreatment] | None:
    if path is None:
        return None
    from hwsim.workload.policy import read_policy

    return read_policy(path)


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
