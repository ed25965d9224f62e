"""A policy's network on disk: ONNX for runtimes, a recipe for PyTorch, and proof that both are what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import nn

from compress.deployment.deployment import CompressedLayer, DeployedNetwork, deploy
from compress.deployment.onnx.model import onnx_model
from compress.deployment.recipe import save
from compress.evaluation.calibration import Calibration
from compress.evaluation.masks import Compressor
from compress.images.accuracy import accuracy_pct
from compress.images.dataset import LabelledImages
from compress.models.accuracy import network_accuracy_pct
from compress.network.graph import NetworkGraph
from compress.policy import Policy
from compress.vocabulary import ActivationScales
from hwsim.errors import InputError, RunError
from hwsim.files.document import Document
from hwsim.files.writing import write_bytes

ONNX_TOLERANCE_PCT = 0.1
"""How far onnxruntime's accuracy may be from the simulated one before an export fails."""

ROUNDING_IMAGES = 2
"""Of a small test set, so many images may differ all the same: a sum on the border of two codes rounds to either."""


@dataclass(frozen=True)
class ExportedFiles:
    """Where an export lies: the ONNX model, the recipe and its tensors."""

    onnx: Path
    recipe: Path
    weights: Path


class ExportReport(Document):
    """What an export measured; accuracies on the test set, None where not measured (onnxruntime is not installed).

    `size_bytes_before` is that of the state dict in float32.
    """

    KIND: ClassVar[str] = "the result of `compress export --json`"

    parameters_before: int
    parameters_after: int
    size_bytes_before: int
    onnx_size_bytes: int
    weights_size_bytes: int
    simulated_accuracy_pct: float | None
    onnx_accuracy_pct: float | None

    def to_frame(self) -> pd.DataFrame:
        """Return the figures, one row each."""
        return pd.DataFrame({"value": self.as_json()})

    def __repr__(self) -> str:
        """Say in a line what was written."""
        return (
            f"ExportReport({self.parameters_before:,} -> {self.parameters_after:,} parameters,"
            f" {self.onnx_size_bytes:,} bytes of ONNX)"
        )

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html())


def files_beside(onnx_path: Path) -> ExportedFiles:
    """Return the three files of an export from the name of the first."""
    stem = onnx_path.with_suffix("")
    return ExportedFiles(
        onnx_path, stem.with_name(stem.name + ".recipe.json"), stem.with_name(stem.name + ".safetensors")
    )


def deploy_policy(
    graph: NetworkGraph,
    model: nn.Module,
    calibration: Calibration,
    policy: Policy,
    *,
    seed: int = 0,
    multiple: int = 1,
) -> DeployedNetwork:
    """Return the network that a policy leaves, pruned and quantized as an evaluation with this seed does it.

    Raises InputError for a layer that the network does not have, and for a calibration with a scale for each channel
    of an ifmap, which no integer layer takes.
    """
    if calibration.scales is ActivationScales.CHANNEL:
        raise InputError(
            "a network whose activations have a scale for each channel has no smaller form of integer layers;"
            " calibrate with --activation-scales tensor"
        )
    names = [layer.name for layer in graph.layers]
    policy.check_names(names)
    compression = Compressor(graph, calibration, seed).derive([policy.layer(name) for name in names])
    layers = {
        name: CompressedLayer(
            compression.masked_weight(at),
            compression.filters(at),
            compression.policies[at].bits,
            compression.policies[at].input_bits,
        )
        for at, name in enumerate(names)
    }
    return deploy(graph, model, layers, calibration.ranges, multiple)


def write_export(
    network: DeployedNetwork, model: nn.Module, files: ExportedFiles, test: LabelledImages | None, about: dict[str, Any]
) -> ExportReport:
    """Write the three files, after proving on `test` (if given) that onnxruntime gives the simulated accuracy.

    Raises InputError for a network that ONNX or a recipe cannot hold, RunError where the accuracies differ.
    """
    content = onnx_model(network).SerializeToString(deterministic=True)
    simulated = None if test is None else network_accuracy_pct(network.module, test, batch_size=250)
    measured = None if test is None else onnx_accuracy_pct(content, test)
    if test is not None and simulated is not None and measured is not None:
        allowed_pct = max(ONNX_TOLERANCE_PCT, 100.0 * ROUNDING_IMAGES / len(test))
        if abs(simulated - measured) > allowed_pct + 1e-9:
            raise RunError(f"onnxruntime reaches {measured:.2f} % where the simulation reaches {simulated:.2f} %")
    save(network, files.recipe, files.weights, about)
    write_bytes(files.onnx, content)
    return ExportReport(
        parameters_before=sum(parameter.numel() for parameter in model.parameters()),
        parameters_after=sum(parameter.numel() for parameter in network.module.parameters()),
        size_bytes_before=sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values()),
        onnx_size_bytes=len(content),
        weights_size_bytes=files.weights.stat().st_size,
        simulated_accuracy_pct=simulated,
        onnx_accuracy_pct=measured,
    )


def onnx_accuracy_pct(content: bytes, split: LabelledImages, batch_size: int = 250) -> float | None:
    """Return the top-1 accuracy that onnxruntime reaches on the CPU, None where it is not installed."""
    try:
        import onnxruntime  # an option: without it nothing is measured
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    predicted = []
    for images, _ in split.batches(batch_size):
        (logits,) = session.run(None, {"input": images.numpy()})
        predicted.append(torch.from_numpy(logits).argmax(1))
    return accuracy_pct(torch.cat(predicted), split.labels)


def check_exportable(scales: ActivationScales) -> None:
    """Raise InputError for scales that no file can hold."""
    if scales is ActivationScales.CHANNEL:
        raise InputError(
            "--activation-scales channel gives each channel of an activation a scale of its own, which no ONNX integer"
            " layer takes; search with --activation-scales tensor to export"
        )
