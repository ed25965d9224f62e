"""A network with its data, traced and checked: what every search, evaluation and export begins with."""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from compress.evaluation.answers import Screen
from compress.evaluation.calibration import Calibration
from compress.images.dataset import Dataset, load_data
from compress.models.accuracy import network_accuracy_pct
from compress.models.load import load_model, prepared
from compress.models.registry import normalization_of
from compress.network.graph import NetworkGraph
from compress.network.trace import trace
from compress.oracle.oracle import Oracle, build_oracle, calibrated, prove_arithmetic
from compress.oracle.savings import BATCH
from compress.oracle.spec import MeasurementSpec
from compress.quantization.arithmetic import Proof, computing_device, resolved_arithmetic
from hwsim.errors import InputError


class Problem:
    """A network, its data, and what tracing found; `network` is the torch module in eval mode.

    `model`, `data` and `weights` are what they were loaded by, as files of results name them.
    """

    def __init__(
        self, network: nn.Module, dataset: Dataset, *, model: str, data: str, weights: Path | None = None
    ) -> None:
        self.network = network
        self.dataset = dataset
        self.model = model
        self.data = data
        self.weights = weights

    @cached_property
    def graph(self) -> NetworkGraph:
        """The network as compression sees it: layers in execution order, channel units, groups."""
        return trace(self.network, self.dataset.example)

    @cached_property
    def float_accuracy_pct(self) -> float:
        """Top-1 accuracy of the network as given on the validation images, which a search may look at."""
        return network_accuracy_pct(self.network, self.dataset.validation, BATCH)

    @property
    def names(self) -> list[str]:
        """The names of the layers that a policy may name, in execution order."""
        return [layer.name for layer in self.graph.layers]

    def spec(self, **settings: Any) -> MeasurementSpec:
        """Return the measurement of this network with these settings."""
        return MeasurementSpec.of({**self.named(), **settings})

    def named(self) -> dict[str, Any]:
        """Return what names this network and data in a spec."""
        return {"model": self.model, "data": self.data, "weights": self.weights, "seed": self.dataset.seed}

    def oracle(
        self,
        spec: MeasurementSpec,
        *,
        network: nn.Module | None = None,
        images: int | None = None,
        screen: Screen | None = None,
    ) -> Oracle:
        """Return the judge of this network's policies (of `network`: the same with other weights).

        `images`: how many validation images are looked at, all where None; the others confirm.
        """
        module = self.network if network is None else network
        return build_oracle(self.graph, module, self.dataset, spec, images=images, screen=screen)

    def proof(self, spec: MeasurementSpec) -> Proof | None:
        """Return how far the spec's arithmetic is from the float simulation; None for one that is exact."""
        return prove_arithmetic(self.graph, self.network, self.dataset, spec)

    def calibration(self, spec: MeasurementSpec) -> Calibration:
        """Return the ranges of activations that a measurement by this spec uses."""
        return calibrated(self.graph, self.network, self.dataset, spec)

    def __repr__(self) -> str:
        """Say network, data, layers and float accuracy in a line."""
        return (
            f"Problem({self.model} on {self.data}: {len(self.graph.layers)} layers, {self.float_accuracy_pct:.2f} % of"
            f" {len(self.dataset.validation)} validation images)"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made anew from the rest, so that a process elsewhere can have the problem."""
        return {name: value for name, value in vars(self).items() if name not in ("graph", "float_accuracy_pct")}


def load(
    model: str | nn.Module, weights: str | Path | None = None, data: str | Dataset = "digits", *, seed: int = 0
) -> Problem:
    """Return a network with its weights and data, traced and checked.

    `model`: a built-in name, MODULE:CALLABLE, or a torch.nn.Module that takes image batches and returns logits.
    `data`: digits, cifar10:DIR, cifar100:DIR, imagefolder:DIR, or a Dataset. Raises InputError naming what is wrong.
    """
    if not isinstance(model, (str, nn.Module)):
        raise InputError(
            f"model is {type(model).__name__}, must be a built-in name, MODULE:CALLABLE or a torch.nn.Module"
            + (" (call the function that makes it)" if callable(model) else "")
        )
    if not isinstance(data, (str, Dataset)):
        raise InputError(f"data is {type(data).__name__}, must be digits, cifar10:DIR, ... or a Dataset")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}, must be a whole number from 0")
    name = model if isinstance(model, str) else type(model).__name__
    dataset = data if isinstance(data, Dataset) else load_data(data, seed, normalization=normalization_of(name))
    if weights is not None and not isinstance(weights, (str, Path)):
        raise InputError(f"weights is {type(weights).__name__}, must be the path of a state dict or safetensors file")
    path = None if weights is None else Path(weights)
    if isinstance(model, nn.Module):
        network = prepared(deepcopy(model).float(), name, path, dataset)  # the caller's own goes on as it was
    else:
        network = load_model(model, path, dataset)
    return Problem(network, dataset, model=name, data=dataset.name, weights=path)


def load_problem(spec: MeasurementSpec) -> Problem:
    """Return the problem that a spec names; what is wrong with device, tile or prices is said before images are read.

    Raises InputError naming the option that is wrong.
    """
    model, data = spec.needed("model"), spec.needed("data")
    resolved_arithmetic(spec.arithmetic, computing_device(spec.device))
    spec.pricer()
    return load(model, spec.weights, data, seed=spec.seed)
