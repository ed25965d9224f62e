"""ASQJ: sparse and quantized weights learned together by ADMM. Needs training data.

Source: Yang et al., "Automatic Neural Network Compression by Sparsity-Quantization Joint Learning", CVPR 2020. W is
trained and sparse, V quantized, U their dual: SGD with the proximal step W <- (W + lr rho (V - U)) / (1 + lr rho), W
projected on the budget, V <- quantize(W + U), U <- U + W - V. Weights only: activations stay at 8 bits. Readings: an
episode is one ADMM iteration of a bounded number of SGD steps; the budget of weight bits is bisected over the search
so that the accuracy budget is met, each round starting from the given weights; widths are 2 to 8 bits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compress.methods.baselines.asqj_projection import project, quantized
from compress.methods.baselines.budget_bisection import BudgetLadder
from compress.methods.baselines.weight_training import (
    KeptWeights,
    ShuffledBatches,
    frozen_with,
    loss_with,
    trainable_copy,
)
from compress.policy import MAX_BITS, NO_PRUNER, LayerPolicy, Policy
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate
from compress.searching.setup import SearchTask

State = dict[str, Tensor]


@dataclass(frozen=True)
class ASQJSpec:
    """The settings of ASQJ."""

    steps: int = 100
    """SGD steps of an ADMM iteration."""
    batch: int = 64
    rate: float = 1e-3
    momentum: float = 0.9
    rho: float = 0.05
    """Weight of the penalty that ties W to V."""
    lowest_share: float = 0.05
    """The tightest budget of weight bits, as a share of the dense 8-bit network's."""


class ASQJ(AskTellMethod):
    """The method `asqj`: one evaluation an episode, of the weights trained so far."""

    name = "asqj"
    needs_training_data = True

    def __init__(self, task: SearchTask, budget: SearchBudget, spec: ASQJSpec, seed: int) -> None:
        super().__init__(task.problem, evaluations_per_episode=1)
        self._task, self.spec = task, spec
        self._names = [f"{layer.name}.weight" for layer in task.graph.layers]
        self._widths = range(task.problem.actions.min_bits, MAX_BITS + 1)
        self._ladder = BudgetLadder(budget.episodes, spec.lowest_share, 1.0)
        self._batches = ShuffledBatches(task.dataset.train, spec.batch, seed)
        self._kept = KeptWeights(task.problem.budget)
        self._restart()

    @classmethod
    def build(cls, task: SearchTask, budget: SearchBudget, seed: int) -> ASQJ:
        """Return the method with its settings."""
        return cls(task, budget, ASQJSpec(), seed)

    def _restart(self) -> None:
        self._model = trainable_copy(self._task.model)
        self._round_share = self._ladder.share
        weights = self._weights()
        self._bits = [MAX_BITS] * len(weights)
        self._v = [weight.detach().clone() for weight in weights]
        self._u = [torch.zeros_like(weight) for weight in weights]

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return asdict(self.spec)

    def ask(self) -> Policy:
        """Train for one ADMM iteration and return the policy of the sparse, quantized network."""
        if self._ladder.share != self._round_share:
            self._restart()
        self._loss = self._train()
        with torch.no_grad():
            self._project()
        self._state = {name: value.detach().clone() for name, value in self._model.state_dict().items()}
        pairs = zip(self._weights(), self._bits, strict=True)
        return self.problem.policy([_layer_policy(weight, bits) for weight, bits in pairs])

    def measure(self, policy: Policy, episode: int) -> Candidate:
        """Measure a policy with the weights trained for it."""
        model = frozen_with(self._task.model, self._state)
        return self._task.measure_trained(model, self.problem.choices(policy), episode)

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Keep the weights where they may be the chosen ones, and tighten or loosen the budget."""
        self._kept.offer(measured, self._state)
        self._budget_share = self._ladder.share
        self._ladder.finish(self.episode, met=measured.loss_pct <= self.problem.budget.target_pct)

    def figures(self) -> dict[str, float]:
        """Return the budget and the training loss."""
        return {"budget": self._budget_share, "training_loss": self._loss}

    def _weights(self) -> list[nn.Parameter]:
        return [self._model.get_parameter(name) for name in self._names]

    def _train(self) -> float:
        spec, weights = self.spec, self._weights()
        optimizer = torch.optim.SGD(self._model.parameters(), lr=spec.rate, momentum=spec.momentum)
        pull = spec.rate * spec.rho
        loss = torch.zeros(())
        for images, labels in self._batches.take(spec.steps):
            loss = loss_with(self._model, {}, images, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                for weight, v, u in zip(weights, self._v, self._u, strict=True):
                    weight.add_(v - u, alpha=pull).div_(1.0 + pull)
        return float(loss.detach())

    def _project(self) -> None:
        weights = self._weights()
        budget_bits = self._round_share * MAX_BITS * sum(weight.numel() for weight in weights)
        found = project(weights, budget_bits, list(self._widths))
        for weight, mask in zip(weights, found.masks, strict=True):
            weight.mul_(mask)
        self._bits = found.bits
        joint = [weight + u for weight, u in zip(weights, self._u, strict=True)]
        self._v = [quantized(both, bits) for both, bits in zip(joint, self._bits, strict=True)]
        self._u = [u + weight - v for u, weight, v in zip(self._u, weights, self._v, strict=True)]

    def trained_weights(self, candidate: Candidate) -> State:
        """Return the state dict that a candidate was measured with."""
        return self._kept.find(candidate)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {
            "model": self._model.state_dict(),
            "round_share": self._round_share,
            "bits": list(self._bits),
            "v": list(self._v),
            "u": list(self._u),
            "ladder": self._ladder.state(),
            "batches": self._batches.state(),
            "kept": self._kept.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._model.load_state_dict(state["model"])
        self._round_share, self._bits = float(state["round_share"]), [int(bits) for bits in state["bits"]]
        self._v, self._u = list(state["v"]), list(state["u"])
        self._ladder.load(state["ladder"])
        self._batches.load(state["batches"])
        self._kept.load(state["kept"])


def _layer_policy(weight: Tensor, bits: int) -> LayerPolicy:
    """Return the policy that finds exactly the zeros that a trained weight has."""
    zeros = weight.numel() - int(torch.count_nonzero(weight))
    if zeros == 0:
        return LayerPolicy(NO_PRUNER, 0.0, bits, activation_bits=MAX_BITS)
    # half a weight more, so that int(sparsity * n) is the number of zeros whatever the division rounds to
    sparsity = min((zeros + 0.5) / weight.numel(), 1.0)
    return LayerPolicy("level", sparsity, bits, activation_bits=MAX_BITS)
