"""`compress search`: find the policy that saves most within an accuracy budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwsim.errors import InputError, RunError


@click.command()
@click.option("--model", help="A built-in network, or package.module:callable.")
@click.option("--data", help="digits, cifar10:DIR, cifar100:DIR or imagefolder:DIR.")
@click.option("--weights", help="A state dict (.pt) or safetensors file; digits-cnn brings its own.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder of the run.")
@click.option("--method", help="composite (default), amc, haq, asqj, opq, nsga2, joint, uniform or random.")
@click.option("--episodes", type=int, help="Episodes of the method (default 1100, the paper's).")
@click.option("--refine", type=int, help="Episodes of local refinement after it (composite: a fifth, or up to 30).")
@click.option("--accelerator", help="A preset or a TOML file (default paper).")
@click.option("--mac-table", help="A mac_energy.json (default: the shipped one).")
@click.option("--costs", help="A memory cost preset or file.")
@click.option("--energy", help="simulated (default) or paper: how a policy is priced.")
@click.option("--metric", help="energy (default), latency or edp: what is lowered.")
@click.option("--max-loss", type=float, help="Points of accuracy that may be lost (default 2).")
@click.option("--stop-at", type=float, help="Stop once a policy within --max-loss saves this many percent (never).")
@click.option("--reward", help="A 40 x 40 reward CSV (default: the shipped table).")
@click.option(
    "--reward-mode", help="What the agent is paid: step (default: each reward), delta (its change) or terminal."
)
@click.option("--rates", help="amc (default: actor 1e-4, critic 1e-3) or paper, the reverse: learning rates.")
@click.option("--min-bits", type=int, help="The lowest precision (default 2).")
@click.option("--max-sparsity", type=float, help="The highest pruning ratio of a layer (default 0.9).")
@click.option("--pruners", help="Comma-separated pruners to choose from (default: the paper's seven).")
@click.option(
    "--subset", type=float, help="Share of the validation images to search with (default 1); the others confirm."
)
@click.option("--screen", type=float, help="Measure policies that lose more points on 100 images on these only (off).")
@click.option("--nsga2", "nsga2_objectives", help="reward (default, the paper's) or two: the objectives of nsga2.")
@click.option("--joint-cost", help="energy (default), size, bitops, mpic or ne16: the cost that joint lowers.")
@click.option("--warm-start", help="A finished run whose archive is measured first.")
@click.option("--activation-scales", help="tensor (default) or channel: what shares a scale; channel has no ONNX form.")
@click.option(
    "--activation-clipping", help="mse (default: least squared error), laplace (the paper's) or minmax: their ranges."
)
@click.option("--device", help="cpu (default) or cuda: where images are run; accuracies are the same.")
@click.option(
    "--arithmetic", help="auto (default), fp32, int8 or bf16, which is not exact: its error is measured first."
)
@click.option("--seed", type=int, help="Seed of everything random (default 0).")
@click.option("--threads", type=int, help="Threads that torch may use (default: its own choice).")
@click.option("--resume", is_flag=True, help="Continue the search of --out; its options are remembered.")
@click.option("--quiet", is_flag=True, help="Print the result only.")
def search(out: Path, resume: bool, threads: int | None, quiet: bool, **options: Any) -> None:
    """Search a compression policy: a pruner, a sparsity and a precision for each layer."""
    from compress.search.spec import SearchSpec, check_same

    asked = {name: value for name, value in options.items() if value is not None}
    if "pruners" in asked:
        asked["pruners"] = [name.strip() for name in asked["pruners"].split(",") if name.strip()]
    if resume:
        from compress.search.run_folder import read_run

        spec = SearchSpec.from_dict(read_run(out))
        check_same(spec, asked)
    else:
        for name in ("model", "data"):
            if name not in asked:
                raise InputError(f"--{name} is missing; name the {name} to search with (or --resume)")
        spec = SearchSpec.from_dict(asked)
    _run(spec, out, resume=resume, threads=threads, quiet=quiet)


def _run(spec: Any, out: Path, *, resume: bool, threads: int | None, quiet: bool) -> None:
    import torch
    from rich.console import Console

    from compress.reports.terminal_progress import SearchDisplay
    from compress.reports.terminal_summary import print_summary
    from compress.runs.search_run import run_session

    if threads is not None:
        if threads < 1:
            raise InputError(f"--threads is {threads}, must be at least 1")
        torch.set_num_threads(threads)
    console = Console()
    try:
        result = run_session(spec, out, SearchDisplay(console, quiet=quiet), resume=resume)
    except KeyboardInterrupt as interrupt:  # click would print a blank line and forget what it says
        raise RunError(str(interrupt) or "interrupted before the first episode; nothing is lost") from None
    print_summary(console, result.content, out)
