"""`compress figure`: the paper's motivating figures for any network, as points (CSV) and a drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from compress.oracle.oracle import Oracle
    from compress.oracle.trade_offs import TradeOff


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Attach the options that all figures share."""
    for option in reversed(
        (
            click.option("--model", required=True, help="Built-in network, or package.module:callable."),
            click.option("--data", "data_spec", required=True, help="digits | cifar10:DIR | ..."),
            click.option("--weights", default=None, type=click.Path(path_type=Path), help="The network's weights."),
            click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder."),
            click.option("--accelerator", default="paper", show_default=True, help="Tile: a preset or a TOML file."),
            click.option("--mac-table", default=None, type=click.Path(path_type=Path), help="A mac_energy.json."),
            click.option("--costs", default=None, help="Memory costs: a preset or a TOML file."),
            click.option("--energy", type=click.Choice(["simulated", "paper"]), default="simulated"),
            click.option(
                "--images", type=click.IntRange(1), default=1000, show_default=True, help="Validation images."
            ),
            click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        )
    ):
        command = option(command)
    return command


@click.group("figure")
def figure() -> None:
    """Draw the paper's motivating figures for a network: sparsity (1), precision (2a), mixed precision (2b)."""


@figure.command("sparsity")
@_options
@click.option("--pruners", default="level,l1_ranked", show_default=True, help="Names, separated by commas.")
@click.option("--steps", type=click.IntRange(1, 99), default=9, show_default=True, help="Sparsities between 0 and 1.")
def sparsity(*, pruners: str, steps: int, **options: Any) -> None:
    """Fig. 1: accuracy loss and energy gain of pruners over sparsity, the same in every layer, at 8 bits."""
    from compress.oracle.trade_offs import over_sparsity
    from compress.pruning import pruner
    from compress.reports.trade_off_plots import plot_sparsity

    names = [name.strip() for name in pruners.split(",") if name.strip()]
    for name in names:
        pruner(name)
    sparsities = [step / (steps + 1) for step in range(1, steps + 1)]
    _draw(options, lambda oracle: over_sparsity(oracle, names, sparsities), plot_sparsity)


@figure.command("precision")
@_options
def precision(**options: Any) -> None:
    """Fig. 2a: the energy that each precision of weights and activations saves."""
    from compress.oracle.trade_offs import over_precision
    from compress.reports.trade_off_plots import plot_precision

    _draw(options, lambda oracle: over_precision(oracle.energy_model), plot_precision)


@figure.command("mixed")
@_options
def mixed(**options: Any) -> None:
    """Fig. 2b: uniform against mixed precision, energy reduction over accuracy loss."""
    from compress.oracle.trade_offs import uniform_and_mixed
    from compress.reports.trade_off_plots import plot_mixed

    _draw(options, uniform_and_mixed, plot_mixed)


def _draw(
    options: dict[str, Any],
    measure: Callable[[Oracle], list[TradeOff]],
    plot: Callable[[Sequence[TradeOff], str], Figure],
) -> None:
    from compress.reports.trade_off_plots import trade_offs_csv
    from hwsim.files.writing import check_new_folder, staged_folder, write_text

    check_new_folder(options["out"])
    oracle = _oracle(options)
    with staged_folder(options["out"]) as stage:
        points = measure(oracle)
        write_text(stage / "points.csv", trade_offs_csv(points))
        plot(points, f"{options['model']}, tile '{options['accelerator']}'").savefig(stage / "figure.png", dpi=150)
    _show(points)
    click.echo(f"wrote {options['out']}/points.csv and figure.png")


def _oracle(options: dict[str, Any]) -> Oracle:
    from compress.images.dataset import load_data
    from compress.models import load_model, normalization_of
    from compress.network.trace import trace
    from compress.oracle.cost_model import EnergyMode
    from compress.oracle.oracle import OracleSpec, build_oracle

    spec = OracleSpec(
        accelerator=options["accelerator"],
        mac_table=options["mac_table"],
        costs=options["costs"],
        energy=EnergyMode(options["energy"]),
        validation_images=options["images"],
        seed=options["seed"],
    )
    spec.pricer()  # a wrong tile or table is said before any images are read
    name = options["model"]
    data = load_data(options["data_spec"], spec.seed, normalization=normalization_of(name))
    model = load_model(name, options["weights"], data)
    return build_oracle(trace(model, data.example), model, data, spec)


def _show(points: Sequence[TradeOff]) -> None:
    from rich.table import Table

    from hwsim.commandline.terminal import terminal

    table = Table()
    headings = ("series", "sparsity", "bits W/A", "accuracy loss, points", "energy gain, %")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "series" else "right")
    for point in points:
        loss = "" if point.accuracy_loss_pct is None else f"{point.accuracy_loss_pct:.2f}"
        table.add_row(
            point.series, f"{point.sparsity:.2f}", f"{point.weight_bits}/{point.activation_bits}", loss,
            f"{point.energy_reduction_pct:.2f}",
        )  # fmt: skip
    terminal().print(table)
