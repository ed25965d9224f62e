"""Tracing and grouping a large network takes seconds at most."""

from __future__ import annotations

import time

import pytest
import torch

from compress.models.load import build_model
from compress.network.trace import trace


@pytest.mark.slow
def test_resnet50_is_traced_and_grouped_within_two_seconds() -> None:
    model = build_model("resnet50").eval()
    example = torch.randn(1, 3, 224, 224)
    start = time.process_time()
    graph = trace(model, example)
    assert time.process_time() - start < 2.0
    assert len(graph.layers) == 54


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "vgg11", "vgg19", "mobilenet_v2", "squeezenet1_0"])
def test_imagenet_forms_trace_completely(name: str) -> None:
    graph = trace(build_model(name), torch.zeros(1, 3, 224, 224))
    assert graph.unsupported == ()
    assert graph.hwsim_layers()
