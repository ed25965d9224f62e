"""`compress train`: weights from scratch, in a short recipe, resumable."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from compress.models.training_spec import TrainingSpec
from compress.vocabulary import Device
from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output
from hwsim.commandline.options import SectionedCommand, asked, spec_options


@click.command("train", cls=SectionedCommand)
@click.option("--model", required=True, help="A built-in network, or package.module:callable.")
@click.option("--data", "data_spec", required=True, help="digits, cifar10:DIR, cifar100:DIR or imagefolder:DIR.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Weights (.safetensors).")
@click.option(
    "--device",
    type=click.Choice([device.value for device in Device]),
    default=Device.CPU.value,
    show_default=True,
    help="Where the network is trained.",
)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint beside --out.")
@json_option
@spec_options(TrainingSpec)
def train(
    *, model: str, data_spec: str, out: Path, device: str, resume: bool, json_path: Path | None, **options: Any
) -> None:
    """Train a network from scratch and write its weights.

    A checkpoint after each epoch (OUT.checkpoint) lets an interrupted run continue with --resume, to the same weights
    that an uninterrupted run gives.
    """
    from compress.models.training import EpochReport
    from compress.runs.training import train as run_training

    check_json_path(json_path)
    say, resumed = partial(click.echo, err=takes_standard_output(json_path)), resume
    settings = {"bf16": device == Device.CUDA.value, **asked(TrainingSpec, options)}
    epochs = settings.get("epochs", TrainingSpec().epochs)

    def show(report: EpochReport) -> None:
        nonlocal resumed
        if resumed and report.epoch > 1:
            say(f"resumed after epoch {report.epoch - 1}")
        resumed = False
        say(f"epoch {report.epoch}/{epochs}  loss {report.loss:.4f}  validation {report.validation_pct:.2f} %")

    trained = run_training(model, data_spec, out, device=device, resume=resume, on_epoch=show, **settings)
    say(f"{out}: {trained.test_accuracy_pct:.2f} % of {trained.test_images} test images")
    deliver_json(json_path, trained.result)
