"""A network ready to be measured: built in, or a user's own callable, with weights, in eval mode."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from compress.images.dataset import Dataset
from compress.models.registry import MODELS, model_entry
from compress.models.state_files import load_weights
from compress.plugins import import_named, users_code
from hwsim.errors import InputError

SHIPPED = {"digits-cnn": Path(__file__).parents[1] / "data" / "digits_cnn.safetensors"}
"""Weights that come with the package."""


def build_model(name: str, classes: int | None = None) -> nn.Module:
    """Build a network without weights: a built-in name, or package.module:callable called without arguments."""
    if ":" in name:
        return _from_callable(name)
    entry = model_entry(name)
    return entry.build(entry.classes if classes is None else classes)


def load_model(name: str, weights: Path | str | None = None, dataset: Dataset | None = None) -> nn.Module:
    """Return the network in eval mode with its weights, checked against the dataset's classes and image shape.

    A built-in name without `weights` needs shipped ones (digits-cnn); a callable may come with its own. Raises
    InputError for an unknown name, weights that do not fit, or classes that do not match.
    """
    model = build_model(name, None if dataset is None else dataset.class_count)
    if weights is None and name in SHIPPED:
        weights = SHIPPED[name]
    if weights is None and name in MODELS:
        raise InputError(
            f"--model '{name}' has no shipped weights; give --weights FILE, or make them with `compress train`"
        )
    return prepared(model, name, weights, dataset)


def prepared(
    model: nn.Module, name: str, weights: Path | str | None = None, dataset: Dataset | None = None
) -> nn.Module:
    """Return a network in eval mode with its weights (its own where None), checked as `load_model` does."""
    if weights is not None:
        load_weights(model, Path(weights))
    for tensor_name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(f"--model '{name}': '{tensor_name}' holds NaN or infinite values; give other --weights")
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if dataset is not None:
        _check_fit(name, model, dataset)
    return model


def _from_callable(name: str) -> nn.Module:
    factory = import_named(name, "--model", "package.module:callable")
    with users_code(f"--model '{name}': calling it", InputError):
        model = factory()
    if not isinstance(model, nn.Module):
        raise InputError(f"--model '{name}' returned {type(model).__name__}, not a torch.nn.Module")
    return model.float()


def _check_fit(name: str, model: nn.Module, dataset: Dataset) -> None:
    """Run one image: shape mismatches and missing classes show here, in one line, not deep inside a search."""
    shape = "x".join(map(str, dataset.shape))
    try:
        with torch.inference_mode():
            out = model(dataset.example)
    except Exception as error:
        raise InputError(f"--model '{name}' does not take {shape} images of '{dataset.name}': {error}") from None
    if not isinstance(out, torch.Tensor) or out.ndim != 2:
        raise InputError(f"--model '{name}' must return logits [N, classes], one tensor; wrap it in a module that does")
    if out.shape[1] != dataset.class_count:
        raise InputError(
            f"--model '{name}' has {out.shape[1]} classes and --data '{dataset.name}' {dataset.class_count};"
            " give weights and a network of the data's classes"
        )
