"""`compress figure`: the paper's motivating figures for any network, as points (CSV) and a drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from compress.oracle.spec import MeasurementSpec
from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output
from hwsim.commandline.options import SectionedCommand, asked, spec_options
from hwsim.commandline.terminal import terminal

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from compress.oracle.oracle import Oracle
    from compress.oracle.trade_offs import TradeOff

C = TypeVar("C", bound=Callable[..., Any])


def _options(command: C) -> C:
    """Attach the options that all figures share."""
    command = spec_options(MeasurementSpec, leave_out=("pruners",))(command)
    command = click.option(
        "--images", type=click.IntRange(1), default=1000, show_default=True, help="Validation images to look at."
    )(command)
    command = json_option(command)
    return click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder.")(command)


@click.group("figure")
def figure() -> None:
    """Draw the paper's motivating figures for a network: sparsity (1), precision (2a), mixed precision (2b)."""


@figure.command("sparsity", cls=SectionedCommand, short_help="Draw loss and gain of pruners over sparsity (Fig 1).")
@click.option("--steps", type=click.IntRange(1, 99), default=9, show_default=True, help="Sparsities between 0 and 1.")
@click.option(
    "--pruners",
    default="level,l1_ranked",
    show_default=True,
    metavar="NAMES",
    help="The pruners to draw, separated by commas: names (`compress pruners`), or MODULE:CLASS.",
)
@_options
def sparsity(*, steps: int, pruners: str, **options: Any) -> None:
    """Draw accuracy loss and energy gain of pruners over sparsity, the same in every layer, at 8 bits (Fig. 1)."""
    from compress.oracle.trade_offs import over_sparsity
    from compress.pruning.plugins import use_pruners
    from compress.reports.trade_off_plots import plot_sparsity

    spec = MeasurementSpec.of(asked(MeasurementSpec, options))
    names = use_pruners(name.strip() for name in pruners.split(",") if name.strip())
    sparsities = [step / (steps + 1) for step in range(1, steps + 1)]
    _draw(spec, options, lambda oracle: over_sparsity(oracle, names, sparsities), plot_sparsity)


@figure.command("precision", cls=SectionedCommand, short_help="Draw the energy saved over precision (Fig 2a).")
@_options
def precision(**options: Any) -> None:
    """Draw the energy that each precision of weights and activations saves (Fig. 2a)."""
    from compress.oracle.trade_offs import over_precision
    from compress.reports.trade_off_plots import plot_precision

    spec = MeasurementSpec.of(asked(MeasurementSpec, options))
    _draw(spec, options, lambda oracle: over_precision(oracle.energy_model), plot_precision)


@figure.command("mixed", cls=SectionedCommand, short_help="Draw uniform against mixed precision (Fig 2b).")
@_options
def mixed(**options: Any) -> None:
    """Draw uniform against mixed precision, energy reduction over accuracy loss (Fig. 2b)."""
    from compress.oracle.trade_offs import uniform_and_mixed
    from compress.reports.trade_off_plots import plot_mixed

    _draw(MeasurementSpec.of(asked(MeasurementSpec, options)), options, uniform_and_mixed, plot_mixed)


def _draw(
    spec: MeasurementSpec,
    options: dict[str, Any],
    measure: Callable[[Oracle], list[TradeOff]],
    plot: Callable[[Sequence[TradeOff], str], Figure],
) -> None:
    from compress.oracle.problem import load_problem
    from compress.reports.trade_off_plots import trade_offs_csv
    from hwsim.files.writing import check_new_folder, staged_folder, write_text

    json_path = options["json_path"]
    check_json_path(json_path)
    check_new_folder(options["out"])
    oracle = load_problem(spec).oracle(spec, images=options["images"])
    with staged_folder(options["out"]) as stage:
        points = measure(oracle)
        write_text(stage / "points.csv", trade_offs_csv(points))
        plot(points, f"{spec.model}, tile '{spec.accelerator}'").savefig(stage / "figure.png", dpi=150)
    console = terminal(stderr=takes_standard_output(json_path))
    console.print(_table(points))
    console.print(f"wrote {options['out']}/points.csv and figure.png", soft_wrap=True)
    deliver_json(json_path, {"schema": 1, "points": [asdict(point) for point in points]})


def _table(points: Sequence[TradeOff]) -> Table:
    from rich.table import Table

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
    return table
