"""Networks that predecessors broke on: each is small and has one unusual dependency."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(ins: int, outs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(ins, outs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outs), nn.ReLU())


class Wrapped(nn.Module):
    """A stem, the unusual part, and a head."""

    def __init__(self, part: nn.Module, width: int = 8, out: int = 8) -> None:
        super().__init__()
        self.stem, self.part = conv_bn(3, width), part
        self.head = nn.Linear(out, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.part(self.stem(x)).mean((2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = conv_bn(width, 2 * width)
        self.down, self.up = nn.Linear(2 * width, 4), nn.Linear(4, 2 * width)
        self.project = conv_bn(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x)
        b, c, _, _ = y.size()
        gate = torch.sigmoid(self.up(F.relu(self.down(y.mean((2, 3)))))).view(b, c, 1, 1)
        return self.project(y * gate) + x


class ManualHardSwish(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(width, 12, 1), nn.Conv2d(12, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        return self.two(y * F.relu6(y + 3) / 6)


class ShiftedIntoConv(nn.Module):
    """A removed channel would be a constant here: its units must stay."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(width, 12, 1), nn.Conv2d(12, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.sigmoid(self.one(x)) + 0.5)


class DenseBlock(nn.Module):
    """Pre-activation BatchNorms over concatenations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width + 4 * k) for k in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(width + 4 * k, 4, 3, padding=1, bias=False) for k in range(3))
        self.final = nn.Conv2d(width + 12, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(F.relu(norm(x)))], 1)
        return self.final(x)


class Grouped(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.grouped = conv_bn(width, 16), conv_bn(16, 24, groups=4)
        self.depthwise = nn.Conv2d(24, 48, 3, padding=1, groups=24)  # two filters a channel
        self.two = nn.Conv2d(48, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(F.relu(self.depthwise(self.grouped(self.one(x)))))


class ChannelShuffle(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = conv_bn(width, 12), conv_bn(12, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        b, c, h, w = y.shape
        return self.two(y.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w))


class Chunked(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = conv_bn(width, 12), conv_bn(6, width)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.one(x).chunk(2, 1)
        return self.two(left * torch.tanh(right))


class CountInArithmetic(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = conv_bn(width, 12), conv_bn(12, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        return self.two(y / math.sqrt(y.size(1)) + y.sum() * 0)


class ShapeControlFlow(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = conv_bn(width, 12), conv_bn(12, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        if y.shape[2] > 4 and y.dim() == 4:
            y = F.max_pool2d(y, 2)
        for _ in range(y.shape[-1] // 4):
            y = F.relu(y)
        return self.two(y)


class DataControlFlow(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if x.sum() > 0 else x


class DataInLoop(nn.Module):
    """Reads a number out of the data, then counts with it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(x.abs().max().item()) % 3):
            x = self.conv(x)
        return x


class SharedConv(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(F.relu(self.norm(self.conv(x)))))


class FunctionalConv(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width, 3, 3) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=1)


class OtherNorms(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.group = nn.Conv2d(width, 12, 3, padding=1), nn.GroupNorm(3, 12)
        self.two, self.instance = nn.Conv2d(12, width, 3, padding=1), nn.InstanceNorm2d(width, affine=True)
        self.prelu = nn.PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(self.instance(self.two(self.group(self.one(x)))))


class SplitGroups(nn.Module):
    """Parts of equal and of other sizes, read one by one and all at once; normalised in groups by a function."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two, self.three = conv_bn(width, 12), conv_bn(5, 6), conv_bn(13, width)
        self.plain = nn.GroupNorm(2, width, affine=False)
        self.gain, self.shift = nn.Parameter(torch.rand(12) + 0.5), nn.Parameter(torch.randn(12))

    def forward(self, x: Tensor) -> Tensor:
        y = F.group_norm(self.one(x), 4, self.gain, self.shift, 1e-3)
        first, second, third = y.split([3, 5, 4], dim=1)
        turned = torch.cat(torch.chunk(torch.cat([self.two(second), third], 1), 2, dim=1)[::-1], dim=1)
        return self.plain(self.three(torch.cat([turned, first], 1)))


class SpatialAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.map = conv_bn(width, 12), nn.Conv2d(12, 1, 3, padding=1)
        self.two, self.scale = nn.Conv2d(12, width, 1), nn.Parameter(torch.rand(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        return self.two(y * torch.sigmoid(self.map(y))) * self.scale + x


class ZeroConcat(nn.Module):
    """A shortcut widened by a concatenation with its own zeros, and by a pad on one side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide, self.back = conv_bn(width, 2 * width), conv_bn(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.wide(x) + torch.cat((x, x.mul(0)), 1)
        y = F.pad(y, (0, 0, 0, 0, 0, 3), value=0.0)[:, :, 1:, ::2]
        return self.back(F.relu(y[:, :16])) if y.shape[1] != 19 else self.back(F.avg_pool2d(self.wide(x), 2))


class ConstantView(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = conv_bn(3, 8), conv_bn(8, 6)
        self.hidden, self.head = nn.Linear(6 * 16, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = F.adaptive_avg_pool2d(self.conv(self.stem(x)), 4)
        return self.head(F.relu(self.hidden(y.view(-1, 6 * 16))))


class NoBatchNorm(nn.Module):
    """Biases only, an even kernel with "same" padding, a 1 x 1 convolution as head, one output channel inside."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 6, 4, padding="same", dilation=2)
        self.two, self.three = nn.Conv2d(6, 1, 3, padding=1), nn.Conv2d(1, 6, (1, 3), padding=(0, 1), stride=(2, 1))
        self.head = nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.three(F.relu(self.two(F.elu(self.one(x))))))
        return F.adaptive_avg_pool2d(self.head(y), 1).squeeze(-1).squeeze(-1)


PARTS: dict[str, type[nn.Module]] = {
    part.__name__: part
    for part in (
        *(SqueezeExcite, ManualHardSwish, ShiftedIntoConv, DenseBlock, Grouped, ChannelShuffle, Chunked),
        *(CountInArithmetic, ShapeControlFlow, DataControlFlow, DataInLoop, SharedConv, FunctionalConv),
        *(OtherNorms, SplitGroups, SpatialAttention, ZeroConcat),
    )
}


def build(name: str) -> nn.Module:
    """Return the network around a part, or a whole network, with BatchNorm statistics that hide nothing."""
    torch.manual_seed(11)
    whole = {"ConstantView": ConstantView, "NoBatchNorm": NoBatchNorm}
    model = whole[name]() if name in whole else Wrapped(PARTS[name](8))
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d)):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.5, 0.5)
            if module.running_mean is not None:
                module.running_mean.uniform_(-0.1, 0.1)
    return model.eval()


class ConvNeXtBlock(nn.Module):
    """Depthwise, then channels-last LayerNorm and linear layers over 4-D values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.rand(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class TokenAttention(nn.Module):
    """Patches as tokens, torch's own attention, one convolution before and after."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = conv_bn(width, 12), nn.Conv2d(12, width, 1)
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        b, c, h, w = y.shape
        tokens = y.flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return self.two(tokens.transpose(1, 2).reshape(b, c, h, w))


class EfficientBlock(nn.Module):
    """An inverted residual with a convolutional squeeze-and-excitation and SiLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand, self.depthwise = conv_bn(width, 24, 1), conv_bn(24, 24, 3, groups=24)
        self.down, self.up = nn.Conv2d(24, 4, 1), nn.Conv2d(4, 24, 1)
        self.project, self.norm = nn.Conv2d(24, width, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.depthwise(F.silu(self.expand(x))))
        y = self.up(F.silu(self.down(F.adaptive_avg_pool2d(y, 1)))).sigmoid() * y
        return self.norm(self.project(y)) + x


class Inception(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.three = conv_bn(width, 4, 1), nn.Sequential(conv_bn(width, 6, 1), conv_bn(6, 8))
        self.pooled, self.merge = conv_bn(width, 4, 1), conv_bn(16, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.one(x), self.three(x), self.pooled(F.max_pool2d(x, 3, stride=1, padding=1))]
        return self.merge(torch.cat(branches, dim=1))


class Upsampling(nn.Module):
    """A transposed convolution and a skip connection, as segmentation networks have."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.up = conv_bn(width, 12, stride=2), nn.ConvTranspose2d(12, 6, 2, stride=2)
        self.merge = conv_bn(6 + width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.merge(torch.cat([self.up(self.down(x)), x], 1))


class ComputedWeights(nn.Module):
    """Weight normalisation, in torch's newer and older form: the weight is no parameter of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.utils.parametrizations.weight_norm(nn.Conv2d(width, 12, 3, padding=1))
        self.two, self.three = nn.Conv2d(12, 12, 3, padding=1), nn.Conv2d(12, width, 1)
        self.four = nn.utils.spectral_norm(nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.four(F.relu(self.three(F.relu(self.two(F.relu(self.one(x)))))))


class WritesInPlace(nn.Module):
    """Assigns into its input, which a graph cannot hold."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y[:, :2] = 0
        return y


for _part in (ComputedWeights, WritesInPlace, ConvNeXtBlock, TokenAttention, EfficientBlock, Inception, Upsampling):
    PARTS[_part.__name__] = _part
NAMES = [*PARTS, "ConstantView", "NoBatchNorm"]
