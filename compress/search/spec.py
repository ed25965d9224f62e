"""What a search is asked to do: everything that decides its result, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from compress.search.environment import RewardMode
from compress.search.problem import Metric
from hwsim.errors import InputError, unknown_name

METHODS = ("composite", "amc", "haq", "asqj", "opq", "nsga2", "joint", "uniform", "random")
TRAINING_METHODS = ("asqj", "joint")
"""Methods whose policies come with weights of their own."""
CHOICES: dict[str, tuple[str, ...]] = {
    "energy": ("simulated", "paper"),
    "metric": tuple(metric.value for metric in Metric),
    "reward_mode": tuple(mode.value for mode in RewardMode),
    "rates": ("amc", "paper"),
    "nsga2_objectives": ("reward", "two"),
    "joint_cost": ("energy", "size", "bitops", "mpic", "ne16"),
    "device": ("cpu", "cuda"),
    "activation_scales": ("tensor", "channel"),
    "activation_clipping": ("mse", "laplace", "minmax"),
    "arithmetic": ("auto", "fp32", "int8", "bf16"),
}


@dataclass(frozen=True)
class SearchSpec:
    """The options of `compress search`, as they are written to run.json.

    `refine` counts episodes of local refinement after the method's own; -1 stands for the default: none after other
    methods than the composite agent; after that a fifth of its episodes, but as many as its own up to 30, because a
    short search leaves the agent little to learn from. Paths are kept as given.
    """

    model: str
    data: str
    weights: str | None = None
    method: str = "composite"
    episodes: int = 1100
    seed: int = 0
    accelerator: str = "paper"
    mac_table: str | None = None
    costs: str | None = None
    energy: str = "simulated"
    metric: str = Metric.ENERGY.value
    max_loss: float = 2.0
    stop_at: float | None = None
    reward: str | None = None
    reward_mode: str = RewardMode.STEP.value
    rates: str = "amc"
    min_bits: int = 2
    max_sparsity: float = 0.9
    pruners: tuple[str, ...] = ()
    refine: int = -1
    subset: float = 1.0
    screen: float | None = None
    device: str = "cpu"
    arithmetic: str = "auto"
    activation_scales: str = "tensor"
    activation_clipping: str = "mse"
    warm_start: str | None = None
    nsga2_objectives: str = "reward"
    joint_cost: str = "energy"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        for field_name, allowed in CHOICES.items():
            if getattr(self, field_name) not in allowed:
                option = "--" + field_name.replace("_", "-")
                raise InputError(f"{option}: {unknown_name(field_name, getattr(self, field_name), allowed)}")
        if self.episodes < 1:
            raise InputError(f"--episodes is {self.episodes}, must be at least 1")
        if self.refine < -1:
            raise InputError(f"--refine is {self.refine}, must be a number of episodes from 0")
        if self.method in TRAINING_METHODS and (self.refine > 0 or self.warm_start is not None):
            option = f"--refine {self.refine}" if self.refine > 0 else f"--warm-start '{self.warm_start}'"
            raise InputError(
                f"{option}: the policies of {self.method} hold for weights that it trains, others cannot join them;"
                " leave the option out"
            )
        if self.stop_at is not None and not 0.0 < self.stop_at < 100.0:
            raise InputError(
                f"--stop-at is {self.stop_at:g}, must be above 0 and below 100 (percent of the metric saved)"
            )
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}, must be a whole number from 0")
        if not 0.0 < self.subset <= 1.0:
            raise InputError(
                f"--subset is {self.subset:g}, must be a share of the validation images above 0 and at most 1"
            )
        if self.screen is not None and not self.max_loss < self.screen <= 100.0:
            raise InputError(
                f"--screen is {self.screen:g}, must be points of accuracy above --max-loss ({self.max_loss:g})"
                " and at most 100"
            )

    @property
    def refine_episodes(self) -> int:
        """Episodes of refinement."""
        if self.refine >= 0:
            return self.refine
        return default_refinement(self.episodes) if self.method == "composite" else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the content of run.json."""
        return {**asdict(self), "pruners": list(self.pruners)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SearchSpec:
        """Return the spec that run.json describes; raises InputError for a field that this version does not know."""
        known = {field.name for field in fields(cls)}
        for name in content:
            if name not in known:
                raise InputError(f"run.json: {unknown_name('option', name, known)}")
        return cls(**{**content, "pruners": tuple(content.get("pruners", ()))})


def default_refinement(episodes: int) -> int:
    """Return the episodes of refinement that follow a composite search where none are asked for."""
    return max(episodes // 5, min(episodes, 30))


def check_same(recorded: SearchSpec, asked: Mapping[str, Any]) -> None:
    """Raise InputError where an option given with --resume differs from what the run was started with."""
    before = recorded.as_dict()
    for name, value in asked.items():
        if before[name] != value:
            option = "--" + name.replace("_", "-")
            raise InputError(
                f"--resume: {option} is {value}, the search was started with {before[name]}; leave {option} out"
                " or start a new search in another folder"
            )
