"""`compress train`: weights from scratch, in a short recipe, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.errors import InputError, RunError

if TYPE_CHECKING:
    from compress.models.training import TrainingSpec


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
) -> None:
    """Train a network from scratch and write its weights.

    A checkpoint after each epoch (OUT.checkpoint) lets an interrupted run continue with --resume, to the same weights
    that an uninterrupted run gives.
    """
    from compress.models.training import TrainingSpec

    if out.suffix != ".safetensors":
        raise InputError(f"--out '{out}' must end in .safetensors")
    digits = data_spec == "digits"
    spec = TrainingSpec(
        epochs=epochs,
        batch_size=batch_size or (64 if digits else 128),
        peak_learning_rate=peak_learning_rate,
        crop_padding=1 if digits else 4,
        flip=not digits,  # a mirrored digit is another digit, or none
        bf16=device == "cuda" if bf16 is None else bf16,
        seed=seed,
    )
    run_training(model, data_spec, out, spec=spec, device=device, resume=resume)


def run_training(model_name: str, data_spec: str, out: Path, *, spec: TrainingSpec, device: str, resume: bool) -> None:
    """Train, show a line an epoch, write the weights and remove the checkpoint."""
    import torch

    from compress.images.dataset import load_data
    from compress.models import build_model, model_entry, normalization_of
    from compress.models.accuracy import network_accuracy_pct
    from compress.models.state_files import write_weights
    from compress.models.training import Trainer, train_to_end

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: PyTorch finds no CUDA device here; use --device cpu")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out '{out}': the folder does not exist; create it or choose another")
    checkpoint = out.with_name(out.name + ".checkpoint")
    if checkpoint.exists() and not resume:
        raise InputError(f"'{checkpoint}' is left from an interrupted run; continue it with --resume or remove it")
    size = 224 if ":" in model_name else model_entry(model_name).input_shape[1]
    data = load_data(data_spec, spec.seed, normalization=normalization_of(model_name), size=size)
    torch.manual_seed(spec.seed)
    if data.shape[1] <= 8:
        torch.set_num_threads(1)  # faster on tiny images, and the same weights on any number of cores
    trainer = Trainer(build_model(model_name, data.class_count), data, spec, device)
    if resume and checkpoint.exists():
        trainer.restore(checkpoint)
        click.echo(f"resumed after epoch {trainer.epoch}")
    try:
        train_to_end(
            trainer,
            checkpoint,
            lambda r: click.echo(
                f"epoch {r.epoch}/{spec.epochs}  loss {r.loss:.4f}  validation {r.validation_pct:.2f} %"
            ),
        )
    except KeyboardInterrupt:
        raise RunError(f"interrupted after epoch {trainer.epoch}; continue with --resume") from None
    test = network_accuracy_pct(trainer.model, data.test, device=device)
    write_weights(out, trainer.model.state_dict(), {"model": model_name, "data": data_spec.partition(":")[0]})
    checkpoint.unlink(missing_ok=True)
    click.echo(f"{out}: {test:.2f} % of {len(data.test)} test images")
