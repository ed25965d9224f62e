"""The words of the compression layer as types; light, so that options and help need none of what computes."""

from __future__ import annotations

from enum import Enum


class Metric(str, Enum):
    """What a search lowers, relative to the dense 8-bit network."""

    ENERGY = "energy"
    LATENCY = "latency"
    EDP = "edp"


class EnergyMode(str, Enum):
    """Which energy model prices a policy: the pruned shapes simulated, or the paper's coefficients."""

    SIMULATED = "simulated"
    PAPER = "paper"


class Clipping(str, Enum):
    """How the range of a tensor is chosen."""

    MINMAX = "minmax"
    LAPLACE = "laplace"
    MSE = "mse"


class ActivationScales(str, Enum):
    """What shares one scale and zero point: an activation as a whole, or each of its channels."""

    TENSOR = "tensor"
    CHANNEL = "channel"


class Arithmetic(str, Enum):
    """How sums are computed. AUTO is INT8 where this machine's is exact, FLOAT32 elsewhere; BFLOAT16 is not exact."""

    AUTO = "auto"
    FLOAT32 = "fp32"
    INT8 = "int8"
    BFLOAT16 = "bf16"

    @property
    def exact(self) -> bool:
        """Whether accuracies are those of the float simulation by construction."""
        return self is not Arithmetic.BFLOAT16


class Device(str, Enum):
    """Where images are run; accuracies are the same."""

    CPU = "cpu"
    CUDA = "cuda"


class RewardMode(str, Enum):
    """What the agent is paid: after each layer the reward of the network so far (STEP, the paper's) or its change
    (DELTA: an episode's sum is what the final policy gains on the dense network), or at the end only (TERMINAL)."""

    STEP = "step"
    DELTA = "delta"
    TERMINAL = "terminal"


class Rates(str, Enum):
    """Learning rates of the composite agent's DDPG: AMC's (actor 1e-4, critic 1e-3) or the paper's, the reverse."""

    AMC = "amc"
    PAPER = "paper"


class Objectives(str, Enum):
    """What NSGA-II minimises: the reward with its sign turned (the paper's), or loss and cost together."""

    REWARD = "reward"
    TWO = "two"


class JointCost(str, Enum):
    """The differentiable cost that the joint search lowers."""

    ENERGY = "energy"
    SIZE = "size"
    BITOPS = "bitops"
    MPIC = "mpic"
    NE16 = "ne16"
