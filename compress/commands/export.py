"""`compress export`: the smaller network as ONNX, and as a recipe that reloads without its class."""

from __future__ import annotations

from pathlib import Path

import click

from hwsim.errors import InputError

TAKEN = ("model", "data", "weights", "activation_clipping", "seed")


@click.command("export")
@click.option(
    "--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="policy.json of a search."
)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The ONNX file to write.")
@click.option("--model", default=None, help="Network; by default the one the policy names.")
@click.option("--data", default=None, help="Data; by default what the policy names.")
@click.option(
    "--weights",
    default=None,
    type=click.Path(path_type=Path),
    help="The network's weights; by default what the policy names.",
)
@click.option("--seed", type=click.IntRange(0), default=None, help="Seed; by default the policy's.")
@click.option(
    "--round-to", type=click.IntRange(1), default=1, show_default=True, help="Round channel counts up to this."
)
@click.option("--check/--no-check", default=True, help="Measure on the test set that ONNX gives the same accuracy.")
def export(
    *,
    policy_path: Path,
    out: Path,
    model: str | None,
    data: str | None,
    weights: Path | None,
    seed: int | None,
    round_to: int,
    check: bool,
) -> None:
    """Remove what a policy prunes, quantize what is left, and write it.

    Three files: OUT (ONNX with QuantizeLinear and DequantizeLinear), and beside it .safetensors and .recipe.json, which
    compress.recipe.load turns back into a PyTorch module.
    """
    from compress.policy import read_policy
    from compress.runs.policy_settings import PolicySettings

    if out.suffix != ".onnx":
        raise InputError(f"--out '{out}' must end in .onnx")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out '{out}': the folder does not exist; create it or choose another")
    policy = read_policy(policy_path)
    settings = PolicySettings(policy, policy_path, {"model": model, "data": data, "weights": weights, "seed": seed})
    model, data_spec, seed = settings.needed("model"), settings.needed("data"), int(settings.get("seed", 0))
    if settings.get("activation_scales") == "channel":
        raise InputError(
            f"'{policy_path}' has a scale for each channel of an activation, which no ONNX integer layer takes;"
            " search with --activation-scales tensor to export"
        )
    from compress.export.files import calibrated, deploy_policy, files_beside, write_export
    from compress.images.dataset import load_data
    from compress.models import load_model, normalization_of
    from compress.network.trace import trace

    dataset = load_data(data_spec, seed, normalization=normalization_of(model))
    network = load_model(model, settings.get("weights"), dataset)
    graph = trace(network, dataset.example)
    for name, reason in graph.unsupported:
        click.echo(f"kept dense: {name} ({reason})")
    calibration = calibrated(graph, network, dataset, seed, settings.clipping())
    smaller = deploy_policy(graph, network, calibration, policy, seed=seed, multiple=round_to)
    files = files_beside(out)
    about = {"model": model, "data": data_spec.partition(":")[0], "seed": seed, "policy": policy.as_json()["layers"]}
    report = write_export(smaller, network, files, dataset.test if check else None, about)
    if settings.told(TAKEN):
        click.echo(settings.told(TAKEN))
    click.echo(f"parameters  {report.parameters_before:>12,} -> {report.parameters_after:,}")
    click.echo(f"bytes       {report.size_bytes_before:>12,} (float32 state)")
    click.echo(f"            {report.onnx_size_bytes:>12,} {files.onnx}")
    click.echo(f"            {report.weights_size_bytes:>12,} {files.weights} (with {files.recipe.name})")
    if report.simulated_accuracy_pct is not None:
        click.echo(f"test set    {report.simulated_accuracy_pct:.2f} % simulated")
        if report.onnx_accuracy_pct is None:
            click.echo(
                "            onnxruntime is not installed: pip install 'tilejoule[export]' to check the ONNX file"
            )
        else:
            click.echo(f"            {report.onnx_accuracy_pct:.2f} % in onnxruntime")
