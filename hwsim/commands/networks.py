"""`hwsim networks`: what is built in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from rich.table import Table

    from hwsim.reports.listings import LayerList, NetworkList


@click.command("networks")
@click.option("--layers", "name", metavar="NAME", help="Network (built-in or a file) whose layers are listed.")
@click.option("--example", is_flag=True, help="Example of a network file, printed.")
@click.option("--batch", default=1, show_default=True, help="Images in a batch.")
@json_option
def command(*, name: str | None, example: bool, batch: int, json_path: Path | None) -> None:
    """Built-in networks with their layers, multiply-accumulates and weights."""
    if example:
        from hwsim.workload.network_file import EXAMPLE

        if json_path is not None:
            raise click.UsageError("--example prints a file; leave out --json")
        click.echo(EXAMPLE, nl=False)
        return
    from hwsim.commandline.terminal import terminal
    from hwsim.reports.listings import NetworkEntry, NetworkList, layer_list
    from hwsim.workload.builtin import known_networks
    from hwsim.workload.load import network

    check_json_path(json_path)
    aside = takes_standard_output(json_path)
    console = terminal(stderr=aside)
    if name is not None:
        layers = layer_list(network(name, batch))
        console.print(_layer_table(layers))
        deliver_json(json_path, layers)
        return
    nets = [network(known, batch) for known in known_networks()]
    entries = [NetworkEntry(name=net.name, layers=len(net.layers), macs=net.macs, weights=net.weights) for net in nets]
    found = NetworkList(batch=batch, networks=tuple(entries))
    console.print(_network_table(found))
    click.echo(
        "`hwsim networks --layers NAME` lists the layers; ONNX, TOML and JSON files are read by path.", err=aside
    )
    deliver_json(json_path, found)


def _network_table(found: NetworkList) -> Table:
    from rich.table import Table

    table = Table("network")
    for column in ("layers", "MACs", "weights"):
        table.add_column(column, justify="right")
    for net in found.networks:
        table.add_row(net.name, str(net.layers), f"{net.macs:,}", f"{net.weights:,}")
    return table


def _layer_table(found: LayerList) -> Table:
    from rich.table import Table

    table = Table("layer", "type", "ofmap", "kernel", title=f"{found.network}, batch {found.batch}")
    for column in ("MACs", "weights"):
        table.add_column(column, justify="right")
    for layer in found.layers:
        kernel = "" if layer.kernel is None else " x ".join(map(str, layer.kernel))
        if layer.groups > 1:
            kernel += f", {layer.groups} groups"
        shape = " x ".join(map(str, layer.ofmap))
        table.add_row(layer.name, layer.type.value, shape, kernel, f"{layer.macs:,}", f"{layer.weights:,}")
    return table
