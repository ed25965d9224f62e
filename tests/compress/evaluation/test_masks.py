"""Masks that a policy makes: dependencies between channels, fallbacks, and what a smaller network keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from compress.evaluation.calibration import Calibration
from compress.evaluation.masks import Compression, Compressor
from compress.network.graph import NetworkGraph
from compress.network.trace import trace
from compress.oracle.cost_model import EnergyModel
from compress.policy import LayerPolicy
from compress.vocabulary import EnergyMode
from hwsim.pricing.layer_pricer import LayerPricer


class Block(nn.Module):
    """A stem, a residual block, a depthwise and a grouped layer, and a flatten to a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.inner = nn.Conv2d(8, 12, 3, padding=1, bias=False)
        self.inner_bn = nn.BatchNorm2d(12)
        self.outer = nn.Conv2d(12, 8, 1, bias=False)
        self.outer_bn = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.grouped = nn.Conv2d(8, 12, 3, stride=2, groups=4)
        self.head = nn.Linear(12 * 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        y = self.inner_bn(self.inner(x)).relu()
        x = (self.outer_bn(self.outer(y)) + x).relu()
        x = self.depthwise(x).relu()
        return self.head(self.grouped(x).relu().flatten(1))


NAMES = ("stem", "inner", "outer", "depthwise", "grouped", "head")


@pytest.fixture(scope="module")
def network() -> tuple[NetworkGraph, nn.Module]:
    torch.manual_seed(0)
    model = Block().eval()
    with torch.no_grad():
        for module in (model.inner_bn, model.outer_bn):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()  # type: ignore[union-attr]
    return trace(model, torch.randn(1, 3, 6, 6)), model


@pytest.fixture(scope="module")
def compressor(network: tuple[NetworkGraph, nn.Module]) -> Compressor:
    graph, model = network
    images = torch.randn((32, 3, 6, 6), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(32) % 5
    return Compressor(graph, Calibration(graph, model, images, labels))


def derive(compressor: Compressor, **actions: tuple[str, float]) -> Compression:
    return compressor.derive([LayerPolicy(*actions.get(name, ("none", 0.0))) for name in NAMES])


def counts(compression: Compression) -> dict[str, tuple[int, int]]:
    return {
        name: (int(compression.live_channels(index).sum()), int(compression.live_filters(index).sum()))
        for index, name in enumerate(NAMES)
    }


def test_the_first_structured_layer_decides_for_its_group(compressor: Compressor) -> None:
    compression = derive(compressor, stem=("l1_ranked", 0.5))
    # the grouped layer reads two channels a group: half of them can go, at equal places
    assert counts(compression)["stem"] == (3, 4)
    assert counts(compression)["inner"] == (4, 12)
    assert counts(compression)["outer"] == (12, 4)
    assert counts(compression)["depthwise"] == (4, 4)
    assert counts(compression)["grouped"] == (4, 12)


def test_a_later_structured_action_on_a_decided_group_prunes_weights_instead(compressor: Compressor) -> None:
    compression = derive(compressor, stem=("l1_ranked", 0.5), outer=("l2_ranked", 0.5))
    assert counts(compression)["outer"] == (12, 4)
    assert compression.layers[2].realised_sparsity == pytest.approx(0.5, abs=0.03)
    assert compression.zero_fraction(2) == pytest.approx(0.5, abs=0.03)


def test_an_open_group_may_be_decided_later_and_reaches_back(compressor: Compressor) -> None:
    compression = derive(compressor, stem=("level", 0.5), outer=("l1_ranked", 0.5))
    assert counts(compression)["stem"] == (3, 4)
    assert counts(compression)["outer"] == (12, 4)
    assert torch.count_nonzero(compression.masked_weight(0).flatten(1).any(dim=1)) == 4


def test_depthwise_and_last_layers_fall_back_to_weights(compressor: Compressor) -> None:
    for name, index in (("depthwise", 3), ("head", 5)):
        for pruner in ("l1_ranked", "bernoulli"):
            compression = derive(compressor, **{name: (pruner, 0.5)})
            assert counts(compression) == counts(compressor.dense())
            assert compression.zero_fraction(index) == pytest.approx(0.5, abs=0.02)
    compression = derive(compressor, depthwise=("fm_reconstruction", 0.5))
    assert compression.zero_fraction(3) == pytest.approx(0.5, abs=0.02)


def test_channels_nobody_reads_leave_their_producer(compressor: Compressor) -> None:
    compression = derive(compressor, outer=("l1_ranked_channels", 0.5))
    assert counts(compression)["outer"] == (6, 8)
    assert counts(compression)["inner"] == (8, 6)


def test_channels_somebody_else_reads_leave_one_reader_only(compressor: Compressor) -> None:
    compression = derive(compressor, inner=("l1_ranked_channels", 0.5))
    assert counts(compression)["inner"] == (4, 12)
    assert counts(compression)["stem"] == (3, 8)


def test_flattened_features_leave_with_their_channel(compressor: Compressor) -> None:
    compression = derive(compressor, grouped=("l1_ranked", 0.34), head=("level", 0.25))
    assert counts(compression)["grouped"] == (8, 8)
    assert counts(compression)["head"] == (32, 5)
    compression = derive(compressor, head=("fm_reconstruction", 0.5))
    # the four groups' channels are tied by place: of three places one goes, in the head and in its producer
    assert counts(compression)["head"] == (32, 5)
    assert counts(compression)["grouped"] == (8, 8)


@pytest.mark.parametrize("pruner", ["level", "sensitivity", "splicing", "snip", "fm_reconstruction", "bernoulli"])
def test_the_same_policy_gives_the_same_masks_whatever_came_before(compressor: Compressor, pruner: str) -> None:
    actions = dict.fromkeys(NAMES, (pruner, 0.4))
    first = derive(compressor, **actions)
    derive(compressor, stem=("l1_ranked", 0.7), head=("level", 0.9))
    again = derive(compressor, **actions)
    fresh = Compressor(compressor.graph, compressor.calibration).derive(first.policies)
    for index in range(len(NAMES)):
        for other in (again, fresh):
            assert torch.equal(first.masked_weight(index), other.masked_weight(index))
            assert np.array_equal(first.live_channels(index), other.live_channels(index))


@pytest.mark.parametrize("mode", EnergyMode)
def test_prices_do_not_depend_on_what_was_priced_before(compressor: Compressor, mode: EnergyMode) -> None:
    pricer, rng = LayerPricer("paper"), np.random.default_rng(2)
    lasting = EnergyModel(compressor.graph, pricer, mode)
    names = [layer.name for layer in compressor.graph.layers]
    policies = [LayerPolicy()] * len(names)
    for _ in range(25):
        policies[int(rng.integers(len(names)))] = LayerPolicy(
            str(rng.choice(["level", "l1_ranked", "l2_ranked_channels"])), float(rng.uniform()), int(rng.integers(2, 9))
        )
        compression = compressor.derive(policies)
        fresh = EnergyModel(compressor.graph, pricer, mode).price(compression)
        assert lasting.price(compression) == fresh
        for index, layer in enumerate(compressor.graph.layers):
            mask, weight = compression.layers[index].weight_mask, compression.layers[index].weight
            if mask is not None:
                assert torch.equal(weight != 0, mask.expand_as(weight)), layer.name


def test_sparsity_one_leaves_one_channel_and_no_weight(compressor: Compressor) -> None:
    compression = derive(compressor, **dict.fromkeys(NAMES, ("l1_ranked", 1.0)))
    assert all(min(pair) >= 1 for pair in counts(compression).values())
    assert all(torch.count_nonzero(compression.masked_weight(index)) == 0 for index in range(len(NAMES)))


def test_samples_reproduce_the_dense_feature_maps(compressor: Compressor) -> None:
    """X of every layer's samples, times its weight, is Y; and Y is a point of the layer's real ofmap."""
    calibration = compressor.calibration
    ofmaps: dict[str, torch.Tensor] = {}
    for name in NAMES:
        module = calibration.model.get_submodule(name)
        module.register_forward_hook(lambda _m, _i, out, name=name: ofmaps.__setitem__(name, out))
    with torch.no_grad():
        calibration.model(calibration.images)
    for layer in calibration.graph.layers:
        bias = calibration.model.get_submodule(layer.name).bias
        points = ofmaps[layer.name]
        points = points.permute(0, 2, 3, 1).flatten(0, 2) if points.dim() == 4 else points
        targets = calibration.samples[layer.name].targets + (0 if bias is None else bias.detach())  # type: ignore[operator]
        distance = torch.cdist(targets[:50].double(), points.double()).amin(dim=1)
        assert float(distance.max()) < 1e-4, layer.name


def test_ranges_are_those_of_the_dense_network(compressor: Compressor) -> None:
    calibration = compressor.calibration
    seen = calibration.ranges["stem"]
    images = calibration.images.double()
    assert float(seen.mean) == pytest.approx(float(images.mean()), abs=1e-6)
    assert float(seen.deviation) == pytest.approx(float((images - images.mean()).abs().mean()), rel=1e-5)
    assert float(seen.minimum) == float(images.min())
    assert not seen.one_sided
    assert calibration.ranges["inner"].one_sided
