"""`compress train`: weights from scratch, in a short recipe, resumable."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output


@click.command("train")
@click.option("--model", required=True, help="Built-in network, or package.module:callable.")
@click.option("--data", "data_spec", required=True, help="digits | cifar10:DIR | cifar100:DIR | imagefolder:DIR.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Weights (.safetensors).")
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True)
@click.option("--batch-size", type=click.IntRange(2), default=None, help="64 for the digits, 128 otherwise.")
@click.option(
    "--peak-learning-rate", type=float, default=0.1, show_default=True, help="Peak of the one-cycle schedule."
)
@click.option("--bf16/--no-bf16", default=None, help="bfloat16 autocast; by default on a GPU only.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@click.option("--resume", is_flag=True, help="Continue from the checkpoint beside --out.")
def train(
    *,
    model: str,
    data_spec: str,
    out: Path,
    epochs: int,
    batch_size: int | None,
    peak_learning_rate: float,
    bf16: bool | None,
    device: str,
    seed: int,
    resume: bool,
    json_path: Path | None,
) -> None:
    """Train a network from scratch and write its weights.

    A checkpoint after each epoch (OUT.checkpoint) lets an interrupted run continue with --resume, to the same weights
    that an uninterrupted run gives.
    """
    from compress.models.training import EpochReport
    from compress.runs.training import train as run_training

    check_json_path(json_path)
    say, resumed = partial(click.echo, err=takes_standard_output(json_path)), resume

    def show(report: EpochReport) -> None:
        nonlocal resumed
        if resumed and report.epoch > 1:
            say(f"resumed after epoch {report.epoch - 1}")
        resumed = False
        say(f"epoch {report.epoch}/{epochs}  loss {report.loss:.4f}  validation {report.validation_pct:.2f} %")

    settings: dict[str, Any] = {"epochs": epochs, "peak_learning_rate": peak_learning_rate, "seed": seed}
    if batch_size is not None:
        settings["batch_size"] = batch_size
    settings["bf16"] = device == "cuda" if bf16 is None else bf16
    trained = run_training(model, data_spec, out, device=device, resume=resume, on_epoch=show, **settings)
    say(f"{out}: {trained.test_accuracy_pct:.2f} % of {trained.test_images} test images")
    deliver_json(json_path, trained.result)
