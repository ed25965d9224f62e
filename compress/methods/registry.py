"""Search methods by name: each named once, with its options; imported only when it is asked for.

A method of one's own enters as MODULE:CLASS on the command line, or by an entry point of the group `tilejoule.methods`
of an installed package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from compress.methods.options import CompositeOptions, JointOptions, NoOptions, NSGA2Options
from compress.plugins import import_named, users_code
from hwsim.errors import InputError, unknown_name
from hwsim.files.spec import Spec, is_code

if TYPE_CHECKING:
    from compress.searching.method import SearchBudget, SearchMethod
    from compress.searching.setup import SearchTask

ENTRY_POINTS = "tilejoule.methods"


@dataclass(frozen=True)
class MethodEntry:
    """A method: where it is, what it is, which options it has.

    `trains_weights`: its policies hold for weights of its own. `refined`: local refinement follows it by default.
    `shares_refinement`: a control, which gets the refinement's evaluations for itself, so that all are equal.
    """

    name: str
    target: str
    summary: str
    options: type[Spec] = NoOptions
    trains_weights: bool = False
    refined: bool = False
    shares_refinement: bool = False
    loaded: Any = field(default=None, compare=False)

    def maker(self) -> Callable[..., Any]:
        """Return what makes the method: its class, or the class' `build`."""
        if self.loaded is not None:
            return self.loaded  # type: ignore[no-any-return]
        module, _, name = self.target.partition(":")
        found = getattr(import_module(module), name)
        return getattr(found, "build", found)  # type: ignore[no-any-return]


_BASELINES, _AGENT = "compress.methods.baselines", "compress.methods.composite.agent"

BUILT_IN: dict[str, MethodEntry] = {
    entry.name: entry
    for entry in (
        MethodEntry(
            "composite",
            f"{_AGENT}:CompositeAgent",
            "DDPG decides sparsity and bits, Rainbow the pruner, layer by layer (Balaskas et al.).",
            CompositeOptions,
            refined=True,
        ),
        MethodEntry("amc", f"{_BASELINES}.amc:AMC", "DDPG decides channels under a budget (He et al., 2018)."),
        MethodEntry("haq", f"{_BASELINES}.haq:HAQ", "DDPG decides bits under a budget (Wang et al., 2019)."),
        MethodEntry(
            "asqj",
            f"{_BASELINES}.asqj:ASQJ",
            "ADMM learns sparse and quantized weights (Yang et al., 2020); trains.",
            trains_weights=True,
        ),
        MethodEntry("opq", f"{_BASELINES}.opq:OPQ", "A model of the weights decides in one shot (Hu et al., 2021)."),
        MethodEntry(
            "nsga2",
            f"{_BASELINES}.nsga2:NSGA2Search",
            "A genetic algorithm over whole policies (Deb et al., 2002).",
            NSGA2Options,
            shares_refinement=True,
        ),
        MethodEntry(
            "joint",
            f"{_BASELINES}.joint:JointSearch",
            "Gradients decide channels and bits (Motetti et al., 2024); trains.",
            JointOptions,
            trains_weights=True,
        ),
        MethodEntry("uniform", f"{_BASELINES}.uniform:UniformGrid", "The same for every layer, from a grid."),
        MethodEntry(
            "random",
            f"{_BASELINES}.random_search:RandomSearch",
            "Random policies: the control.",
            shares_refinement=True,
        ),
    )
}


def method_entry(name: str) -> MethodEntry:
    """Return a method by name or MODULE:CLASS.

    Raises InputError with the nearest names for an unknown one, and for a class that does not follow the protocol.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if is_code(name):
        return _foreign(name, import_named(name, "--method", "MODULE:CLASS"))
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return _foreign(name, import_named(point.value, f"the entry point {ENTRY_POINTS} '{name}'", "MODULE:CLASS"))
    raise InputError(f"--method: {unknown_name('method', name, known_methods())}; or write MODULE:CLASS")


def known_methods() -> list[str]:
    """Return the names of the methods that are built in or installed."""
    return [*BUILT_IN, *sorted({point.name for point in metadata.entry_points(group=ENTRY_POINTS)} - set(BUILT_IN))]


def _foreign(name: str, found: Any) -> MethodEntry:
    with users_code(f"--method '{name}': looking at it", InputError):
        return _checked(name, found)


def _checked(name: str, found: Any) -> MethodEntry:
    if not isinstance(found, type):
        raise InputError(f"--method '{name}' is a {type(found).__name__}, must be a class with ask and tell")
    for member in ("ask", "tell"):
        if not callable(getattr(found, member, None)):
            raise InputError(
                f"--method '{name}' has no method {member}; a search method has ask() -> Policy | None and"
                " tell(policy, measured), and to resume state_dict() and load_state_dict(state)"
            )
    state = [callable(getattr(found, member, None)) for member in ("state_dict", "load_state_dict")]
    if any(state) != all(state):
        missing = "load_state_dict" if state[0] else "state_dict"
        raise InputError(f"--method '{name}' has no method {missing}; to resume it needs both, without resume neither")
    options = getattr(found, "Options", NoOptions)
    if not (isinstance(options, type) and issubclass(options, Spec)):
        raise InputError(f"--method '{name}': its Options must be a subclass of hwsim.files.spec.Spec")
    summary = (found.__doc__ or "").strip().splitlines()
    return MethodEntry(name, name, summary[0] if summary else "", options, loaded=found)


def options_of(entry: MethodEntry, given: Mapping[str, Any]) -> Spec:
    """Return a method's options as given, the rest by default.

    Raises InputError for an option that the method does not have, naming the method that has it.
    """
    for name in given:
        if name not in entry.options.model_fields:
            owners = [other for other in BUILT_IN.values() if name in other.options.model_fields]
            if owners:
                option = owners[0].options.option(name)
                raise InputError(
                    f"{option} is an option of the method {owners[0].name}, and --method is {entry.name};"
                    f" leave {option} out"
                )
            known = entry.options.model_fields
            if not known:
                raise InputError(f"--method-option {name}: the method {entry.name} has no options; leave it out")
            raise InputError(f"--method-option: {unknown_name('option', name, known)}")
    if entry.name in BUILT_IN:
        return entry.options.of(given)
    return entry.options.of(given, "--method-option")


def build_method(entry: MethodEntry, task: SearchTask, budget: SearchBudget, options: Spec, seed: int) -> SearchMethod:
    """Return a method ready to search; its maker is given what it names of problem, task, budget, options and seed."""
    from compress.methods.foreign import ForeignMethod  # it needs torch, which the list of methods does without

    maker, foreign = entry.maker(), entry.name not in BUILT_IN
    offered = {"problem": task.problem, "task": task, "budget": budget, "options": options, "seed": seed}
    with users_code(f"--method '{entry.name}': reading how it is made", InputError):
        parameters = inspect.signature(maker).parameters
    for name, parameter in parameters.items():
        needed = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        )
        if needed and name not in offered:
            raise InputError(
                f"--method '{entry.name}' asks for '{name}' when it is made; there are {', '.join(offered)}"
            )
    taken = {name: value for name, value in offered.items() if name in parameters}
    if not foreign:
        return maker(**taken)  # type: ignore[no-any-return]
    with users_code(f"--method '{entry.name}': making it", InputError):
        made = maker(**taken)
    return ForeignMethod(made, entry.name, task.problem, budget, options)
