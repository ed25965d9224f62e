"""State dicts in and out: tensors only, never code; each mismatch named in one line."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from hwsim.errors import InputError
from hwsim.files.writing import write_bytes


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors or a torch file (tensors only), floats as float32.

    A checkpoint that wraps it as {"state_dict": ...} or {"model": ...} and names that begin with "module." are
    understood. Raises InputError for a missing, damaged or code-carrying file, and for NaN.
    """
    if not path.is_file():
        raise InputError(f"--weights '{path}' is not a file; name a state dict (.pt, .pth) or a .safetensors file")
    record = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for wrapper in ("state_dict", "model"):
        if isinstance(record, Mapping) and isinstance(record.get(wrapper), Mapping):
            record = record[wrapper]
    if not isinstance(record, Mapping) or not all(isinstance(value, torch.Tensor) for value in record.values()):
        raise InputError(f"--weights '{path}' holds no state dict (a mapping from names to tensors); save one")
    state = {}
    for name, tensor in record.items():
        floating = tensor.is_floating_point()
        if floating and not torch.isfinite(tensor).all():
            raise InputError(f"--weights '{path}': '{name}' holds NaN or infinite values; train or export it again")
        state[str(name).removeprefix("module.")] = tensor.float() if floating else tensor
    return state


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"--weights '{path}' is damaged ({error}); copy it again") from None


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0][:160]
        raise InputError(
            f"--weights '{path}' is refused: not a plain state dict, or it would run code ({reason});"
            " save model.state_dict()"
        ) from None
    except Exception as error:  # a damaged archive raises whatever its bytes happen to spell
        reason = str(error).partition("\n")[0][:160]
        raise InputError(f"--weights '{path}' is damaged ({reason}); copy it again") from None


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a file's weights into the model, every name and shape matching; InputError names the first misfit."""
    state, own = read_state(path), model.state_dict()
    # counters of batches appear in newer checkpoints only and change nothing in eval mode
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own and not name.endswith("num_batches_tracked")]
    for kind, names in (("misses", missing), ("has the unexpected", unexpected)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise InputError(f"--weights '{path}' {kind} '{names[0]}'{more}; these are weights of another network")
    for name, tensor in state.items():
        if name in own and tensor.shape != own[name].shape:
            raise InputError(
                f"--weights '{path}': '{name}' is {tuple(tensor.shape)} and the network's {tuple(own[name].shape)};"
                " these are weights of another network or another number of classes"
            )
    model.load_state_dict({name: tensor for name, tensor in state.items() if name in own}, strict=False)


def write_weights(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically; the same tensors give the same bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write_bytes(path, save(plain, dict(metadata) if metadata else None))
