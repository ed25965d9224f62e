"""Published sizes of the built-in networks: multiply-accumulates and weights at batch 1."""

from __future__ import annotations

import pytest

from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network

# name: MACs, weights without biases and batch normalisation
PUBLISHED = {
    # Krizhevsky et al. 2012 with groups; Sze et al., Proc. IEEE 2017, Table II: 724 M MACs, 61 M weights
    "alexnet": (724_406_816, 60_954_656),
    # Simonyan and Zisserman 2015, Table 2: 133, 133, 138, 144 M parameters; Sze et al., Table II: VGG16 15.5 G MACs
    "vgg11": (7_609_090_048, 132_851_392),
    "vgg13": (11_308_466_176, 133_035_712),
    "vgg16": (15_470_264_320, 138_344_128),
    "vgg19": (19_632_062_464, 143_652_544),
    # He et al. 2016, Table 1 prints 1.8, 3.6, 3.8 and 11.3 G with the stride of a bottleneck on its first convolution
    "resnet18": (1_814_073_344, 11_678_912),
    "resnet34": (3_663_761_408, 21_779_648),
    "resnet50": (4_089_184_256, 25_502_912),
    "resnet152": (11_513_626_624, 60_040_384),
    # Sandler et al. 2018, Table 4: 300 M MACs, 3.4 M parameters
    "mobilenet_v2": (300_774_272, 3_469_760),
    # Iandola et al. 2016, Table 1: 1.25 M parameters (1,248,424 with 3,976 biases)
    "squeezenet1_0": (818_924_576, 1_248_424 - 3_976),
    # Szegedy et al. 2015, Table 1: 1.5 G operations, 6.8 M parameters (rounded by layer)
    "googlenet": (1_582_671_872, 6_990_272),
    # He et al. 2016, Table 6: 0.27, 0.46, 0.66, 0.85, 1.7 M parameters
    "resnet20-cifar": (40_551_040, 268_336),
    "resnet32-cifar": (68_862_592, 461_872),
    "resnet44-cifar": (97_174_144, 655_408),
    "resnet56-cifar": (125_485_696, 848_944),
    "resnet110-cifar": (252_887_680, 1_719_856),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_macs_and_weights_are_the_published_ones(name: str) -> None:
    net = network(name)
    assert (net.macs, net.weights) == PUBLISHED[name]


def test_alexnet_has_the_convolutions_of_the_chips_table() -> None:
    """Chen et al., ISCA 2016, Table II: padded plane, ofmap side, kernel, channels of a group, filters, stride."""
    convs = [layer for layer in network("alexnet").layers if isinstance(layer, ConvLayer) and layer.kind == "conv"]
    assert {layer.name: (layer.out_height, layer.macs) for layer in convs} == {
        "conv1": (55, 105_415_200),
        "conv2": (27, 223_948_800),
        "conv3": (13, 149_520_384),
        "conv4": (13, 112_140_288),
        "conv5": (13, 74_760_192),
    }


def test_macs_grow_with_the_batch() -> None:
    assert network("resnet50", batch=16).macs == 16 * network("resnet50").macs
