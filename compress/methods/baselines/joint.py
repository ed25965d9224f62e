"""Joint pruning and mixed precision by gradient descent on the network's own loss. Needs training data.

Source: Motetti et al., IEEE TC 2024; PLiNIO. Each weight is a softmax-weighted sum of its quantized forms, 0 bits
among them, and the loss is cross-entropy plus a strength times a differentiable cost; the softmax's temperature falls
by exp(-0.045) an epoch, then the choices are frozen and the weights fine-tuned. Readings: the tile holds one
precision a layer, so the mixture over 2, 4, 8 bits is a layer's and the choice of 0 bits a channel's (one for all
layers that share it); activations stay at 8 bits; the strength is bisected over the search so that the accuracy
budget is met, each round starting from the given weights; a round searches in its first 60 % of episodes and
fine-tunes in the rest.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from compress.methods.baselines.asqj_projection import quantized
from compress.methods.baselines.budget_bisection import ROUNDS, BudgetLadder
from compress.methods.baselines.joint_cost import WIDTHS, CostedLayer, Expectation, cost_model
from compress.methods.baselines.weight_training import (
    KeptWeights,
    ShuffledBatches,
    frozen_with,
    loss_with,
    straight_through,
    trainable_copy,
)
from compress.methods.options import JointOptions
from compress.network.channel_units import Units
from compress.network.graph import CompressibleLayer
from compress.policy import MAX_BITS, NO_PRUNER, LayerPolicy, Policy
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate
from compress.searching.setup import SearchTask


@dataclass(frozen=True)
class JointSpec:
    """The settings of the joint search."""

    steps: int = 60
    """SGD steps of an episode (an epoch, on small data)."""
    batch: int = 64
    rate: float = 1e-3
    momentum: float = 0.9
    choice_rate: float = 3e-2
    """Adam's learning rate of the choices' logits."""
    annealing: float = 0.045
    """The temperature's exponent an episode."""
    first_logit: float = 3.0
    """Where a channel's logit of staying starts."""
    search_share: float = 0.6
    """Share of a round's episodes that search; the rest fine-tunes."""
    strongest: float = 8.0
    """The cost's largest strength; the smallest is 0."""


class JointSearch(AskTellMethod):
    """The method `joint`: one evaluation an episode, of the argmax of the choices with the weights trained so far."""

    name = "joint"
    needs_training_data = True

    def __init__(self, task: SearchTask, budget: SearchBudget, cost: str, spec: JointSpec, seed: int) -> None:
        super().__init__(task.problem, evaluations_per_episode=1)
        self._task, self.spec, self._cost_name = task, spec, cost
        self._cost = cost_model(cost)
        self._layers = list(task.graph.layers)
        self._costed = [self._costed_layer(layer) for layer in self._layers]
        self._round_episodes = max(1, math.ceil(budget.episodes / ROUNDS))
        # high = the weakest cost: the ladder tightens towards low, and the strength is what is left of 1
        self._ladder = BudgetLadder(budget.episodes, 0.0, 1.0)
        self._batches = ShuffledBatches(task.dataset.train, spec.batch, seed)
        self._kept = KeptWeights(task.problem.budget)
        self._restart()
        with torch.no_grad():
            self._dense_cost = float(self._total(self._shares_of([MAX_BITS] * len(self._layers)), self._all_stay()))

    @classmethod
    def build(cls, task: SearchTask, budget: SearchBudget, options: JointOptions, seed: int) -> JointSearch:
        """Return the method with its options."""
        return cls(task, budget, options.joint_cost.value, JointSpec(), seed)

    def _restart(self) -> None:
        self._model = trainable_copy(self._task.model)
        self._parameters = dict(self._model.named_parameters())
        self._share, self._age = self._ladder.share, 0
        self._width_logits = torch.zeros(len(self._layers), len(WIDTHS), requires_grad=True)
        self._stay_logits = torch.full((len(self._task.graph.frozen),), self.spec.first_logit, requires_grad=True)
        self._adam = torch.optim.Adam([self._width_logits, self._stay_logits], lr=self.spec.choice_rate)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {**asdict(self.spec), "cost": self._cost_name}

    def ask(self) -> Policy:
        """Train for one epoch and return the policy that the choices make."""
        if self._ladder.share != self._share:
            self._restart()
        searching = self._age < self.spec.search_share * self._round_episodes
        self._loss = self._train(searching)
        self._age += 1
        with torch.no_grad():
            self._state = self._masked_state()
            return self.problem.policy(self._choices())

    def measure(self, policy: Policy, episode: int) -> Candidate:
        """Measure a policy with the weights trained for it."""
        model = frozen_with(self._task.model, self._state)
        return self._task.measure_trained(model, self.problem.choices(policy), episode)

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Keep the weights where they may be the chosen ones, and raise or lower the cost's strength."""
        self._kept.offer(measured, self._state)
        self._told_strength = self._strength()
        self._ladder.finish(self.episode, met=measured.loss_pct <= self.problem.budget.target_pct)

    def figures(self) -> dict[str, float]:
        """Return the cost's strength and the training loss."""
        return {"strength": self._told_strength, "training_loss": self._loss}

    def _strength(self) -> float:
        return self.spec.strongest * (1.0 - self._share) ** 2

    def _train(self, searching: bool) -> float:
        spec = self.spec
        temperature = math.exp(-spec.annealing * self._age)
        optimizer = torch.optim.SGD(self._model.parameters(), lr=spec.rate, momentum=spec.momentum)
        loss = torch.zeros(())
        for images, labels in self._batches.take(spec.steps):
            shares, stay = self._soft(temperature) if searching else self._hard()
            loss = loss_with(self._model, self._mixed(shares, stay), images, labels)
            if searching:
                loss = loss + self._strength() * self._total(shares, stay) / self._dense_cost
            optimizer.zero_grad(set_to_none=True)
            self._adam.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if searching:
                self._adam.step()
        return float(loss.detach())

    def _soft(self, temperature: float) -> tuple[Tensor, Tensor]:
        """Return the shares of the widths float[layers, 3] and of staying float[units] at a temperature."""
        stay = torch.sigmoid(self._stay_logits / temperature)
        return torch.softmax(self._width_logits / temperature, dim=1), self._with_frozen(stay)

    def _hard(self) -> tuple[Tensor, Tensor]:
        """Return the frozen choices: one width a layer, each channel there or not."""
        widths = [WIDTHS[int(index)] for index in self._width_logits.detach().argmax(dim=1)]
        kept = self._task.graph.never_empty(self._task.graph.frozen | (self._stay_logits.detach().numpy() > 0.0))
        return self._shares_of(widths), torch.from_numpy(kept).float()

    def _with_frozen(self, stay: Tensor) -> Tensor:
        return torch.where(torch.from_numpy(self._task.graph.frozen), torch.ones(()), stay)

    @staticmethod
    def _shares_of(widths: list[int]) -> Tensor:
        return torch.tensor([[float(width == one) for one in WIDTHS] for width in widths])

    def _all_stay(self) -> Tensor:
        return torch.ones(len(self._task.graph.frozen))

    def _mixed(self, shares: Tensor, stay: Tensor) -> dict[str, Tensor]:
        """Return each layer's weight as the expected sum of its quantized forms."""
        mixed = {}
        for layer, share in zip(self._layers, shares, strict=True):
            weight = self._model.get_parameter(f"{layer.name}.weight")
            forms = [straight_through(weight, quantized(weight.detach(), width)) for width in WIDTHS]
            value = share[0] * forms[0] + share[1] * forms[1] + share[2] * forms[2]
            filters = stay[torch.from_numpy(layer.out_units)].reshape((-1,) + (1,) * (weight.dim() - 1))
            mixed[f"{layer.name}.weight"] = value * filters
            self._scale(mixed, f"{layer.name}.bias", stay, layer.out_units)
        for path, units in self._task.graph.per_channel.items():  # or a pruned channel would still emit its shift
            for name in (f"{path}.weight", f"{path}.bias"):
                self._scale(mixed, name, stay, units)
        return mixed

    def _scale(self, mixed: dict[str, Tensor], name: str, stay: Tensor, units: Units) -> None:
        parameter = self._parameters.get(name)
        if parameter is not None and len(parameter) == len(units):
            mixed[name] = parameter * stay[torch.from_numpy(units)]

    def _total(self, shares: Tensor, stay: Tensor) -> Tensor:
        costs = []
        for layer, costed, share in zip(self._layers, self._costed, shares, strict=True):
            inputs, outputs = torch.from_numpy(layer.in_units), torch.from_numpy(layer.out_units)
            at = Expectation(stay[inputs].sum(), stay[outputs].sum(), share, len(inputs), len(outputs))
            costs.append(self._cost(costed, at))
        return torch.stack(costs).sum()

    def _costed_layer(self, layer: CompressibleLayer) -> CostedLayer:
        kernel = math.prod(layer.weight_shape[2:])
        pricer = self._task.oracle.energy_model.pricer
        energies = {width: pricer.price(layer.hwsim_layer(), width, MAX_BITS).energy_pj for width in WIDTHS}
        return CostedLayer(kernel, layer.out_shape[1], layer.out_shape[2], layer.depthwise, energies)

    def _masked_state(self) -> dict[str, Tensor]:
        """Return the trained weights with the filters that leave set to zero."""
        _, stay = self._hard()
        state = {name: value.detach().clone() for name, value in self._model.state_dict().items()}
        for layer in self._layers:
            weight = state[f"{layer.name}.weight"]
            weight *= stay[torch.from_numpy(layer.out_units)].reshape((-1,) + (1,) * (weight.dim() - 1))
        return state

    def _choices(self) -> list[LayerPolicy]:
        """Return the policy that finds the zero filters: the first layer of each channel group removes them for all."""
        shares, stay = self._hard()
        decided: set[int] = set()
        choices = []
        for layer, share in zip(self._layers, shares, strict=True):
            bits = WIDTHS[int(share.argmax())]
            filters = stay[torch.from_numpy(layer.out_units)]
            gone = len(filters) - int(filters.sum())
            first = layer.group is not None and layer.group not in decided
            if layer.group is not None:
                decided.add(layer.group)
            if first and gone and not layer.depthwise:
                sparsity = min((gone + 0.5) / len(filters), 1.0)
                choices.append(LayerPolicy("l1_ranked", sparsity, bits, activation_bits=MAX_BITS))
            else:
                choices.append(LayerPolicy(NO_PRUNER, 0.0, bits, activation_bits=MAX_BITS))
        return choices

    def trained_weights(self, candidate: Candidate) -> dict[str, Tensor]:
        """Return the state dict that a candidate was measured with."""
        return self._kept.find(candidate)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {
            "model": self._model.state_dict(),
            "share": self._share,
            "age": self._age,
            "width_logits": self._width_logits.detach().clone(),
            "stay_logits": self._stay_logits.detach().clone(),
            "adam": self._adam.state_dict(),
            "ladder": self._ladder.state(),
            "batches": self._batches.state(),
            "kept": self._kept.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._ladder.load(state["ladder"])
        self._restart()
        self._model.load_state_dict(state["model"])
        self._share, self._age = float(state["share"]), int(state["age"])
        with torch.no_grad():
            self._width_logits.copy_(state["width_logits"])
            self._stay_logits.copy_(state["stay_logits"])
        self._adam.load_state_dict(state["adam"])
        self._batches.load(state["batches"])
        self._kept.load(state["kept"])
