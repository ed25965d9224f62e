"""A compressed network as a module: channels really gone, logits as measured, the model as it was."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from compress.deployment.compressed_module import compressed_module
from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator
from compress.images.dataset import load_data
from compress.models.load import load_model
from compress.network.trace import trace
from compress.policy import LayerPolicy, Policy
from compress.vocabulary import ActivationScales
from hwsim.errors import InputError

POLICY = Policy({"conv2": LayerPolicy("l1_ranked", 0.5, 6), "conv4": LayerPolicy("level", 0.4, 5)})


def test_it_is_smaller_answers_as_measured_and_leaves_the_model_alone(tmp_path: Path) -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    calibration = Calibration(graph, model, data.calibration, data.calibration_labels)
    before = copy.deepcopy(model.state_dict())
    small = compressed_module(graph, model, calibration, POLICY)

    assert not small.training
    assert small.get_parameter("conv2.weight").shape[0] == 8
    assert small.get_parameter("conv3.weight").shape[1] == 8
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in model.parameters()) - 16 * 8 * 9
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())

    images, labels = data.validation
    evaluator = Evaluator(graph, model, images, labels, calibration)
    evaluator.set_policies([POLICY.layer(layer.name) for layer in graph.layers])
    logits = small(data.validation.images)
    assert (logits.argmax(1) == evaluator.logits().argmax(1)).float().mean() > 0.995
    torch.testing.assert_close(logits, evaluator.logits(), rtol=0, atol=0.05)
    assert torch.equal(copy.deepcopy(small)(data.example), small(data.example))
    torch.save(small, tmp_path / "small.pt")
    again = torch.load(tmp_path / "small.pt", weights_only=False)
    assert torch.equal(again(data.validation.images), logits)


def test_a_scale_for_each_channel_is_refused_in_one_line() -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    calibration = Calibration(graph, model, data.calibration, scales=ActivationScales.CHANNEL)
    with pytest.raises(InputError, match=r"a scale for each channel .* --activation-scales tensor"):
        compressed_module(graph, model, calibration, POLICY)
