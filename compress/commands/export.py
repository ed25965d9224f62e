"""`compress export`: the smaller network as ONNX, and as a recipe that reloads without its class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from compress.oracle.spec import MeasurementSpec
from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output
from hwsim.commandline.options import SectionedCommand, spec_options

_PRICED = ("accelerator", "mac_table", "costs", "energy", "metric", "arithmetic", "device")
"""Settings of a measurement that leave the exported network as it is."""


@click.command("export", cls=SectionedCommand)
@click.option(
    "--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="policy.json of a search."
)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The ONNX file to write.")
@click.option(
    "--round-to", type=click.IntRange(1), default=1, show_default=True, help="Round channel counts up to this."
)
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Measure on the test set that ONNX gives the same accuracy.",
)
@json_option
@spec_options(MeasurementSpec, leave_out=_PRICED, prefix_help="the policy's, or ")
def export(*, policy_path: Path, out: Path, round_to: int, check: bool, json_path: Path | None, **options: Any) -> None:
    """Remove what a policy prunes, quantize what is left, and write it.

    Three files: OUT (ONNX with QuantizeLinear and DequantizeLinear), and beside it .safetensors and .recipe.json, which
    compress.load_recipe turns back into a PyTorch module.
    """
    from compress.deployment.files import check_exportable, files_beside
    from compress.oracle.problem import load_problem
    from compress.oracle.spec import spec_of_policy
    from compress.policy import read_policy
    from compress.pruning.plugins import use_pruners
    from compress.runs.export import check_path
    from compress.runs.export import export as write
    from hwsim.commandline.options import asked

    check_path(out)
    check_json_path(json_path)
    given = asked(MeasurementSpec, options)
    use_pruners(given.get("pruners", ()))
    policy = read_policy(policy_path)
    found = spec_of_policy(policy, policy_path, given)
    check_exportable(found.spec.activation_scales)
    say = partial(click.echo, err=takes_standard_output(json_path))
    problem = load_problem(found.spec)
    for name, reason in problem.graph.unsupported:
        say(f"kept dense: {name} ({reason})")
    files, report = files_beside(out), write(policy, problem, out, found.spec, round_to=round_to, check=check)
    if found.sentence():
        say(found.sentence())
    say(f"parameters  {report.parameters_before:>12,} -> {report.parameters_after:,} (norms are folded)")
    say(f"bytes       {report.size_bytes_before:>12,} (float32 state)")
    say(f"            {report.onnx_size_bytes:>12,} {files.onnx}")
    say(f"            {report.weights_size_bytes:>12,} {files.weights} (with {files.recipe.name})")
    if report.simulated_accuracy_pct is not None:
        say(f"test set    {report.simulated_accuracy_pct:.2f} % simulated")
        if report.onnx_accuracy_pct is None:
            say("            onnxruntime is not installed: pip install 'tilejoule[export]' to check the ONNX file")
        else:
            say(f"            {report.onnx_accuracy_pct:.2f} % in onnxruntime")
    deliver_json(json_path, report)
