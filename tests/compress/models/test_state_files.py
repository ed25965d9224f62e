"""Weight files: what fits is loaded, what does not is named, and nothing in a file ever runs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from compress.models.load import build_model
from compress.models.state_files import load_weights, read_state, write_weights
from hwsim.errors import InputError


class Bomb:
    """A pickle that would create a file when loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.target,))


def digits_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build_model("digits-cnn").state_dict()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    state, path = digits_state(), tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(state, path)
    else:
        write_weights(path, state)
    model = build_model("digits-cnn")
    load_weights(model, path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_half_precision_and_wrapped_checkpoints_load_as_float32(tmp_path: Path) -> None:
    state = {f"module.{name}": t.half() if t.is_floating_point() else t for name, t in digits_state().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "w.pth")
    model = build_model("digits-cnn")
    load_weights(model, tmp_path / "w.pth")
    weight = model.get_parameter("conv2.weight")
    assert weight.dtype == torch.float32
    assert torch.equal(weight, state["module.conv2.weight"].float())


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    for name, writer in (
        ("torch.pt", torch.save),
        ("plain.pt", lambda record, path: path.write_bytes(pickle.dumps(record))),
    ):
        writer({"conv1.weight": Bomb(tmp_path / "ran")}, tmp_path / name)
        with pytest.raises(InputError, match=r"refused: not a plain state dict, or it would run code") as caught:
            read_state(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_truncated_files_are_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(digits_state(), path) if suffix == ".pt" else write_weights(path, digits_state())
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(InputError, match=r"damaged|refused") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


def test_nan_is_named(tmp_path: Path) -> None:
    state = digits_state()
    state["bn2.bias"] = state["bn2.bias"].clone()
    state["bn2.bias"][3] = float("nan")
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"'bn2.bias' holds NaN"):
        read_state(tmp_path / "w.pt")


def test_misfits_are_named(tmp_path: Path) -> None:
    def refused(change: dict[str, torch.Tensor | None], message: str) -> None:
        state = {name: tensor for name, tensor in (digits_state() | change).items() if tensor is not None}
        torch.save(state, tmp_path / "w.pt")
        with pytest.raises(InputError, match=message):
            load_weights(build_model("digits-cnn"), tmp_path / "w.pt")

    refused({"conv3.weight": None, "fc.bias": None}, r"misses 'conv3.weight' and 1 more")
    refused({"layer9.weight": torch.zeros(1)}, r"has the unexpected 'layer9.weight'; .* another network")
    refused({"fc.weight": torch.zeros(7, 32)}, r"'fc.weight' is \(7, 32\) and the network's \(10, 32\)")
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(InputError, match="holds no state dict"):
        read_state(tmp_path / "w.pt")
    with pytest.raises(InputError, match="not a file"):
        read_state(tmp_path / "absent.pt")
