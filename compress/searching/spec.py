"""What a search is asked to do: everything that decides its result, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import model_validator

from compress.oracle.spec import MeasurementSpec
from compress.vocabulary import Clipping
from hwsim.errors import InputError
from hwsim.files.spec import Shown, code_in, setting, with_default

_SEARCH, _ACTIONS = "Search", "What a policy may do"
MOST_EPISODES = 1_000_000
"""No search of one machine gets that far: more is a slip of the hand."""


class SearchSpec(MeasurementSpec):
    """A measurement, and the search that uses it; run.json holds it.

    `refine` counts episodes of local refinement after the method's own; None stands for the default: none after other
    methods than the composite agent; after that a fifth of its episodes, but as many as its own up to 30, because a
    short search leaves the agent little to learn from. Paths are kept as given.
    """

    activation_clipping: Clipping | None = with_default(MeasurementSpec, "activation_clipping", Clipping.MSE)
    method: str = setting(
        "composite",
        "The search method: a built-in one (`compress methods`), or MODULE:CLASS.",
        Shown(_SEARCH, metavar="NAME|MODULE:CLASS", names_code=True),
    )
    episodes: int = setting(1100, "Episodes of the method (the paper's 1100).", Shown(_SEARCH), ge=1, le=MOST_EPISODES)
    refine: int | None = setting(
        None,
        "Episodes of local refinement after the method.",
        Shown(_SEARCH, default_text="composite: a fifth, or up to 30; others: 0"),
        ge=0,
        le=MOST_EPISODES,
    )
    max_loss: float = setting(2.0, "Points of accuracy that may be lost.", Shown(_SEARCH), ge=0, le=100)
    stop_at: float | None = setting(
        None,
        "End the search once a policy within --max-loss saves this many percent.",
        Shown(_SEARCH, default_text="never"),
    )
    subset: float = setting(
        1.0, "The share of the validation images to search with; the others confirm the choice.", Shown(_SEARCH)
    )
    screen: float | None = setting(
        None,
        "Measure policies that lose more points on the first 100 images on these only.",
        Shown(_SEARCH, default_text="off"),
    )
    reward: Path | None = setting(
        None, "A 40 x 40 reward CSV.", Shown(_SEARCH, metavar="FILE", default_text="the shipped table")
    )
    warm_start: Path | None = setting(
        None, "A finished run whose archive is measured first.", Shown(_SEARCH, metavar="RUN")
    )
    method_options: Mapping[str, Any] = setting({}, "Options of the method alone.", Shown(_SEARCH, option=None))
    min_bits: int = setting(2, "The lowest precision.", Shown(_ACTIONS))
    max_sparsity: float = setting(0.9, "The highest pruning ratio of a layer.", Shown(_ACTIONS))
    pruners: tuple[str, ...] = setting(
        (),
        "The pruners to choose from, separated by commas: names (`compress pruners`), or MODULE:CLASS.",
        Shown(_ACTIONS, default_text="the paper's seven", split=True, metavar="NAMES", names_code=True, recorded=False),
    )

    @model_validator(mode="after")
    def _check(self) -> SearchSpec:
        for name in ("model", "data"):
            if not getattr(self, name):
                raise InputError(f"--{name} is missing; name the {name} to search with (or --resume)")
        if self.stop_at is not None and not 0.0 < self.stop_at < 100.0:
            raise InputError(
                f"--stop-at is {self.stop_at:g}, must be above 0 and below 100 (percent of the metric saved)"
            )
        if not 0.0 < self.subset <= 1.0:
            raise InputError(
                f"--subset is {self.subset:g}, must be a share of the validation images above 0 and at most 1"
            )
        if self.screen is not None and not self.max_loss < self.screen <= 100.0:
            raise InputError(
                f"--screen is {self.screen:g}, must be points of accuracy above --max-loss ({self.max_loss:g})"
                " and at most 100"
            )
        return self


def default_refinement(episodes: int) -> int:
    """Return the episodes of refinement that follow a composite search where none are asked for."""
    return max(episodes // 5, min(episodes, 30))


def resumed(recorded: SearchSpec, asked: Mapping[str, Any]) -> SearchSpec:
    """Return the spec of a run to continue; an option given with --resume must say what the run was started with.

    Raises InputError where it differs, and where the run was started with code that is not named again: no file is
    trusted to name it.
    """
    again = recorded.replaced(**asked)
    before, now = recorded.as_json(), again.as_json()
    for name in asked:
        if before[name] != now[name]:
            option = SearchSpec.option(name)
            raise InputError(
                f"--resume: {option} is {now[name]}, the search was started with {before[name]}; leave {option} out"
                " or start a new search in another folder"
            )
    told = {name: value for name, value in before.items() if name not in asked}
    for option, code in code_in(SearchSpec, told):
        raise InputError(
            f"--resume: the search was started with {option} {code}, which is code, and no file is trusted to name"
            f" code; give {option} {code} again"
        )
    return recorded


def code_options(spec: SearchSpec) -> list[str]:
    """Return the options that name code, as they have to be given again to continue a search."""
    found: list[str] = []
    for option in dict.fromkeys(option for option, _ in code_in(SearchSpec, dict(spec))):
        name = next(name for name in SearchSpec.model_fields if SearchSpec.option(name) == option)
        value = getattr(spec, name)
        found += [option, ",".join(value) if isinstance(value, tuple) else str(value)]
    return found
