"""`compress evaluate`: what a policy costs and saves, measured on the test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compress.oracle.spec import MeasurementSpec
from hwsim.commandline.json_output import json_option
from hwsim.commandline.options import SectionedCommand, spec_options

if TYPE_CHECKING:
    from rich.console import Console

    from compress.oracle.savings import Evaluation


_ROWS = {"float": "float (priced at 8 bits)", "dense 8 bit": "dense 8 bit", "compressed": "compressed"}


@click.command("evaluate", cls=SectionedCommand)
@click.option("--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="A policy.json.")
@click.option(
    "--complete",
    "complete_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the policy here with what came of it: realised sparsities, shapes and zeros, which hwsim prices.",
)
@json_option
@spec_options(MeasurementSpec, prefix_help="the policy's, or ")
def evaluate(*, policy_path: Path, complete_path: Path | None, json_path: Path | None, **options: Any) -> None:
    """Measure a network as given, dense at 8 bits, and under a policy: accuracy, energy, latency, size and MACs.

    What no option gives is taken from the policy's file, as the search that wrote it ran. Accuracy is on the test set.
    The savings are shown under both energy models and every cost preset.
    """
    from compress.oracle.problem import load_problem
    from compress.oracle.spec import spec_of_policy
    from compress.policy import read_policy
    from compress.pruning.plugins import use_pruners
    from compress.runs.evaluation import evaluate as measure
    from hwsim.commandline.json_output import check_json_path, deliver_json, takes_standard_output
    from hwsim.commandline.options import asked
    from hwsim.commandline.terminal import terminal
    from hwsim.files.writing import check_writable

    check_json_path(json_path)
    if complete_path is not None:
        check_writable(complete_path)
    given = asked(MeasurementSpec, options)
    use_pruners(given.get("pruners", ()))
    policy = read_policy(policy_path)
    found = spec_of_policy(policy, policy_path, given)
    problem = load_problem(found.spec)
    policy.check_names(problem.names)
    console = terminal(stderr=takes_standard_output(json_path))
    for name, reason in problem.graph.unsupported:
        console.print(f"kept dense: {name} ({reason})", soft_wrap=True)
    proof = problem.proof(found.spec)
    if proof is not None:
        console.print(proof.sentence(found.spec.arithmetic), soft_wrap=True)
    evaluation = measure(policy, problem, found.spec)
    if found.sentence():
        console.print(found.sentence(), soft_wrap=True)
    _show(evaluation, found.spec, console)
    deliver_json(json_path, evaluation)
    if complete_path is not None:
        evaluation.policy.write(complete_path)
        console.print(f"wrote {complete_path}", soft_wrap=True)


def _show(evaluation: Evaluation, spec: MeasurementSpec, console: Console) -> None:
    from rich.table import Table

    layers = Table(title="Layers", title_justify="left")
    for heading in ("layer", "pruner", "sparsity", "bits", "inputs", "outputs", "energy uJ", "saved %"):
        layers.add_column(heading, justify="left" if heading in ("layer", "pruner") else "right")
    for layer in evaluation.layers:
        layers.add_row(
            layer.name, layer.pruner, f"{layer.realised_sparsity:.2f}", str(layer.bits),
            f"{layer.in_channels}/{layer.dense_in_channels}", f"{layer.out_channels}/{layer.dense_out_channels}",
            f"{layer.energy_pj / 1e6:.4g}", f"{layer.saved_pct:.1f}",
        )  # fmt: skip
    others_pj = evaluation.compressed.energy_pj - sum(layer.energy_pj for layer in evaluation.layers)
    layers.add_row("other layers (additions, pools, kept dense)", "", "", "", "", "", f"{others_pj / 1e6:.4g}", "")
    console.print(layers)
    totals = Table(title=f"Network on '{spec.accelerator}', {spec.energy.value} energy", title_justify="left")
    for heading in ("", "accuracy %", "energy uJ", "latency ms", "size bytes", "MACs"):
        totals.add_column(heading, justify="left" if not heading else "right")
    for name, measured in evaluation.rows().items():
        totals.add_row(
            _ROWS[name], f"{measured.accuracy_pct:.2f}", f"{measured.energy_pj / 1e6:.4g}",
            f"{measured.latency_ms:.4g}", f"{measured.size_bytes:,}", f"{measured.macs:,}",
        )  # fmt: skip
    console.print(totals)
    reductions = Table(title="Energy saved against dense 8 bit, %", title_justify="left")
    modes = list(next(iter(evaluation.energy_reduction_pct.values())))
    for heading in ("memory costs", *modes):
        reductions.add_column(heading, justify="left" if heading == "memory costs" else "right")
    for preset, by_mode in evaluation.energy_reduction_pct.items():
        reductions.add_row(preset, *(f"{by_mode[mode]:.2f}" for mode in modes))
    console.print(reductions)
