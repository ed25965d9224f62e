"""A policy's network as a PyTorch module again: smaller, because what is pruned is gone."""

from __future__ import annotations

from torch import nn

from compress.deployment.files import deploy_policy
from compress.evaluation.calibration import Calibration
from compress.network.graph import NetworkGraph
from compress.policy import Policy


def compressed_module(
    graph: NetworkGraph,
    model: nn.Module,
    calibration: Calibration,
    policy: Policy,
    *,
    seed: int = 0,
    multiple: int = 1,
) -> nn.Module:
    """Return what a policy leaves of `model`, in evaluation mode; `model` itself is not changed.

    It takes the model's input and gives the logits that an evaluation with this seed and calibration measures: pruned
    channels are gone, weights are the numbers that their codes stand for, ifmaps are rounded to theirs, batch
    normalisations are folded. Channel counts are rounded up to `multiple` with filters of zeros. `torch.save` takes it
    whole. Raises InputError for a layer that the network does not have, and for a calibration with a scale for each
    channel of an ifmap.
    """
    return deploy_policy(graph, model, calibration, policy, seed=seed, multiple=multiple).module
