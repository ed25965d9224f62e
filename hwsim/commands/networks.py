"""`hwsim networks`: what is built in."""

from __future__ import annotations

import click


@click.command("networks")
@click.option("--layers", "name", metavar="NAME", help="List the layers of one network (built-in or file).")
@click.option("--example", is_flag=True, help="Print an example of a network file.")
@click.option("--batch", default=1, show_default=True, help="Images in a batch.")
def command(*, name: str | None, example: bool, batch: int) -> None:
    """List the built-in networks with their layers, multiply-accumulates and weights."""
    if example:
        from hwsim.workload.network_file import EXAMPLE

        click.echo(EXAMPLE, nl=False)
        return
    from rich.table import Table

    from hwsim.commandline.terminal import terminal
    from hwsim.workload.builtin import known_networks
    from hwsim.workload.layer import ConvLayer, ElementwiseLayer
    from hwsim.workload.load import network
    from hwsim.workload.network import output_shape

    if name is not None:
        net = network(name, batch)
        table = Table("layer", "type", "ofmap", "kernel", title=f"{net.name}, batch {batch}")
        for column in ("MACs", "weights"):
            table.add_column(column, justify="right")
        for layer in net.layers:
            kernel = "" if isinstance(layer, ElementwiseLayer) else f"{layer.kernel_height} x {layer.kernel_width}"
            if isinstance(layer, ConvLayer) and layer.groups > 1:
                kernel += f", {layer.groups} groups"
            shape = " x ".join(str(side) for side in output_shape(layer))
            table.add_row(layer.name, layer.kind.value, shape, kernel, f"{layer.macs:,}", f"{layer.filter_words:,}")
    else:
        table = Table("network")
        for column in ("layers", "MACs", "weights"):
            table.add_column(column, justify="right")
        for known in known_networks():
            net = network(known, batch)
            table.add_row(known, str(len(net.layers)), f"{net.macs:,}", f"{net.weights:,}")
    terminal().print(table)
    if name is None:
        click.echo("`hwsim networks --layers NAME` lists the layers; ONNX, TOML and JSON files are read by path.")
