"""`compress evaluate`: what a policy costs and saves, measured on the test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwsim.errors import InputError

if TYPE_CHECKING:
    from compress.oracle.oracle import OracleSpec
    from compress.oracle.savings import Savings
    from compress.policy import Policy
    from compress.runs.policy_settings import PolicySettings

CALLABLE_HELP = "Built-in network, or package.module:callable."


@click.command("evaluate")
@click.option("--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="A policy.json.")
@click.option("--model", default=None, help=f"{CALLABLE_HELP} By default what the policy names.")
@click.option("--data", default=None, help="digits | cifar10:DIR | ... By default what the policy names.")
@click.option("--weights", default=None, type=click.Path(path_type=Path), help="By default what the policy names.")
@click.option("--accelerator", default=None, help="A preset or a TOML file (default: the policy's, or paper).")
@click.option("--mac-table", default=None, type=click.Path(path_type=Path), help="A mac_energy.json.")
@click.option("--costs", default=None, help="Memory costs: a preset or a TOML file.")
@click.option("--energy", type=click.Choice(["simulated", "paper"]), default=None, help="Energy model of the figures.")
@click.option(
    "--metric", type=click.Choice(["energy", "latency", "edp"]), default=None, help="What layers are mapped for."
)
@click.option(
    "--activation-scales", type=click.Choice(["tensor", "channel"]), default=None, help="What shares a scale."
)
@click.option(
    "--activation-clipping",
    type=click.Choice(["mse", "laplace", "minmax"]),
    default=None,
    help="How activation ranges are chosen; by default as the policy says, or laplace (with channel scales minmax).",
)
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where images are run."
)
@click.option(
    "--arithmetic",
    type=click.Choice(["auto", "fp32", "int8", "bf16"]),
    default=None,
    help="How sums are computed; bf16 is not exact, and its error is measured first.",
)
@click.option("--seed", type=click.IntRange(0), default=None, help="By default the policy's.")
@click.option("--json", "json_path", default=None, type=click.Path(path_type=Path, dir_okay=False), help="Also here.")
def evaluate(*, policy_path: Path, json_path: Path | None, **options: Any) -> None:
    """Measure a network as given, dense at 8 bits, and under a policy: accuracy, energy, latency, size and MACs.

    What no option gives is taken from the policy's file, as the search that wrote it ran. Accuracy is on the test set.
    The savings are shown under both energy models and every cost preset.
    """
    from compress.policy import read_policy
    from compress.runs.policy_settings import PolicySettings
    from hwsim.files.writing import write_json

    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise InputError(f"--json '{json_path}': the folder does not exist; create it or choose another")
    policy = read_policy(policy_path)
    settings = PolicySettings(policy, policy_path, options)
    savings, spec = _measure(policy, settings)
    if settings.told():
        click.echo(settings.told())
    _show(savings, spec)
    if json_path is not None:
        write_json(json_path, savings.as_json())
        click.echo(f"wrote {json_path}")


def _measure(policy: Policy, settings: PolicySettings) -> tuple[Savings, OracleSpec]:
    from compress.images.dataset import load_data
    from compress.models import load_model, normalization_of
    from compress.network.trace import trace
    from compress.oracle.cost_model import EnergyMode
    from compress.oracle.oracle import OracleSpec, build_oracle, prove_arithmetic
    from compress.oracle.savings import measure_savings
    from compress.quantization.affine import ActivationScales
    from compress.quantization.arithmetic import Arithmetic, computing_device

    model_name, data_spec = settings.needed("model"), settings.needed("data")
    seed, table = int(settings.get("seed", 0)), settings.get("mac_table")
    spec = OracleSpec(
        accelerator=settings.get("accelerator", "paper"),
        mac_table=None if table is None else Path(table),
        costs=settings.get("costs"),
        objective=settings.get("metric", "energy"),
        energy=EnergyMode(settings.get("energy", "simulated")),
        arithmetic=Arithmetic(settings.get("arithmetic", "auto")),
        device=settings.get("device", "cpu"),
        activation_scales=ActivationScales(settings.get("activation_scales", "tensor")),
        activation_clipping=settings.clipping(),
        seed=seed,
    )
    spec.arithmetic.resolved(computing_device(spec.device))
    spec.pricer()  # a wrong tile or table is said before any images are read
    data = load_data(data_spec, seed, normalization=normalization_of(model_name))
    model = load_model(model_name, settings.get("weights"), data)
    graph = trace(model, data.example)
    policy.check_names(layer.name for layer in graph.layers)
    for name, reason in graph.unsupported:
        click.echo(f"kept dense: {name} ({reason})")
    proof = prove_arithmetic(graph, model, data, spec)
    if proof is not None:
        click.echo(proof.sentence(spec.arithmetic))
    oracle = build_oracle(graph, model, data, spec)
    return measure_savings(oracle, model, policy, spec, (data.test.images, data.test.labels)), spec


def _show(savings: Savings, spec: OracleSpec) -> None:
    from rich.table import Table

    from hwsim.commandline.terminal import terminal

    console = terminal()
    layers = Table(title="Layers", title_justify="left")
    for heading in ("layer", "pruner", "sparsity", "bits", "inputs", "outputs", "energy uJ", "saved %"):
        layers.add_column(heading, justify="left" if heading in ("layer", "pruner") else "right")
    for layer in savings.layers:
        saved = 100.0 * (1.0 - layer.energy_pj / layer.baseline_energy_pj)
        layers.add_row(
            layer.name, layer.pruner, f"{layer.realised_sparsity:.2f}", str(layer.bits),
            "{}/{}".format(*layer.channels), "{}/{}".format(*layer.filters),
            f"{layer.energy_pj / 1e6:.4g}", f"{saved:.1f}",
        )  # fmt: skip
    console.print(layers)
    totals = Table(title=f"Network on '{spec.accelerator}', {spec.energy.value} energy", title_justify="left")
    for heading in ("", "accuracy %", "energy uJ", "latency ms", "size bytes", "MACs"):
        totals.add_column(heading, justify="left" if not heading else "right")
    rows = (("float", savings.original), ("dense 8 bit", savings.baseline), ("compressed", savings.compressed))
    for name, figures in rows:
        totals.add_row(
            name, f"{figures.accuracy_pct:.2f}", f"{figures.energy_pj / 1e6:.4g}", f"{figures.latency_ms:.4g}",
            f"{figures.size_bytes:,}", f"{figures.macs:,}",
        )  # fmt: skip
    console.print(totals)
    reductions = Table(title="Energy saved against dense 8 bit, %", title_justify="left")
    modes = list(next(iter(savings.reductions_pct.values())))
    for heading in ("memory costs", *modes):
        reductions.add_column(heading, justify="left" if heading == "memory costs" else "right")
    for preset, by_mode in savings.reductions_pct.items():
        reductions.add_row(preset, *(f"{by_mode[mode]:.2f}" for mode in modes))
    console.print(reductions)
