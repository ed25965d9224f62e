"""The result of a search on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from compress.searching.result_files import Result


def print_summary(console: Console, result: Result, folder: Path) -> None:
    """Print what a search found, layer by layer, and where its files are."""
    best, baseline = result.best, result.baseline
    table = Table(title=f"{result.method} on {result.model}: the policy", title_justify="left")
    table.add_column("layer")
    table.add_column("pruner")
    for heading in ("sparsity", "realised", "bits"):
        table.add_column(heading, justify="right")
    for name, layer in best.policy.layers.items():
        realised = layer.realised_sparsity
        table.add_row(
            name,
            layer.pruner,
            f"{layer.sparsity:.2f}",
            "" if realised is None else f"{realised:.2f}",
            str(layer.bits),
        )
    console.print(table)
    line = (
        f"test accuracy {best.accuracy_pct:.2f} % (dense 8-bit {baseline.accuracy_pct:.2f} %,"
        f" {best.accuracy_loss_pct:+.2f} points lost), energy {best.energy_pj / 1e6:.4g} uJ"
        f" (saves {best.energy_reduction_pct:.1f} %), latency {best.latency_ms:.4g} ms"
        f" (saves {best.latency_reduction_pct:.1f} %)"
    )
    console.print(line, highlight=False, soft_wrap=True)
    if not result.feasible:
        _print_closest(console, result)
    elif result.stop_at_pct is not None and result.validation.gain_pct < result.stop_at_pct:
        _print_missed(console, result, folder)
    console.print(
        f"{folder / 'report.html'} shows the front, {folder / 'policy.json'} holds the policy", soft_wrap=True
    )


def _print_closest(console: Console, result: Result) -> None:
    console.print(
        f"warning: no policy that saves anything loses at most {result.max_loss_pct:g} points on the validation"
        " images; the best rewarded one is written, the closest are:",
        highlight=False,
        soft_wrap=True,
    )
    for entry in result.closest:
        console.print(f"  {entry.accuracy_loss_pct:.2f} points for {entry.gain_pct:.1f} % saved", highlight=False)


def _print_missed(console: Console, result: Result, folder: Path) -> None:
    console.print(
        f"warning: the choice saves {result.validation.gain_pct:.1f} % of the {result.metric.value}, less than"
        f" --stop-at {result.stop_at_pct:g}; search on from here with --warm-start {folder} and another --out, or"
        " allow a larger --max-loss",
        highlight=False,
        soft_wrap=True,
    )
