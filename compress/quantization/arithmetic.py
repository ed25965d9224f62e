"""How and where the sums of quantized layers are computed: the same whole numbers on each device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from compress.quantization.integer_layer import IntegerLayer, int8_is_exact
from compress.vocabulary import Arithmetic, Device
from hwsim.errors import InputError, unknown_name


@dataclass(frozen=True)
class Proof:
    """How far a faster arithmetic is from the float simulation, over all images."""

    images: int
    changed_predictions: int
    accuracy_difference_pct: float
    largest_logit_error: float

    def sentence(self, arithmetic: Arithmetic) -> str:
        """Return the proof in one line."""
        return (
            f"--arithmetic {arithmetic.value} against the float simulation, dense at 8 bits, on {self.images}"
            f" validation images: {self.changed_predictions} predictions differ, accuracy"
            f" {self.accuracy_difference_pct:+.2f} points, logits by at most {self.largest_logit_error:.3g}"
        )


def computing_device(device: Device | str) -> torch.device:
    """Return the device of that name, ready for exact sums; raises InputError where this machine has none."""
    if device not in [one.value for one in Device]:
        raise InputError(f"--device: {unknown_name('device', str(device), [one.value for one in Device])}")
    if device == Device.CUDA:
        if not torch.cuda.is_available():
            raise InputError("--device cuda: PyTorch finds no CUDA device here; use --device cpu")
        # TensorFloat-32 would round what is added up in layers that are not quantized, and sums of levels
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(Device(device).value)


def resolved_arithmetic(arithmetic: Arithmetic, device: torch.device) -> Arithmetic:
    """Return the arithmetic to use on a device; raises InputError for one that it lacks."""
    if device.type == "cuda":
        if arithmetic is Arithmetic.INT8:
            raise InputError("--arithmetic int8 runs on the CPU; with --device cuda use auto, fp32 or bf16")
        return Arithmetic.FLOAT32 if arithmetic is Arithmetic.AUTO else arithmetic
    if arithmetic is Arithmetic.AUTO:
        return Arithmetic.INT8 if int8_is_exact() else Arithmetic.FLOAT32
    if arithmetic is Arithmetic.INT8 and not int8_is_exact():
        raise InputError("--arithmetic int8 is not exact on this machine (it needs VNNI); use auto or fp32")
    return arithmetic


def layer_site(layer: IntegerLayer, arithmetic: Arithmetic, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Return what maps a layer's ifmap to its ofmap, both float32 on the device."""
    placed = layer if device.type == "cpu" else layer.to(device)
    if arithmetic is Arithmetic.BFLOAT16:
        return placed.forward_bfloat16
    if arithmetic is Arithmetic.INT8:
        return placed.forward_int8
    return placed.forward_float if has_exact_convolution(device) else placed.forward_products


def has_exact_convolution(device: torch.device) -> bool:
    """Whether convolutions of whole numbers are exact: cuDNN may choose transforms (Winograd, FFT) that round."""
    return device.type == "cpu"
