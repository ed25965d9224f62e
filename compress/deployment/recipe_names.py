"""The names in a recipe: torch.fx writes them into the source of a `forward`, so each is proved to be a name only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Any
from unicodedata import normalize

from torch import fx

from hwsim.errors import InputError


def check_names(modules: Iterable[str], nodes: Iterable[Mapping[str, Any]]) -> None:
    """Raise InputError for a name that Python could read as anything but that name.

    Names of nodes and arguments are identifiers; paths of modules and tensors are identifiers and numbers between dots,
    none of them a member of every network; a module that is called is one of the recipe's.
    """
    known = list(modules)
    for path in known:
        _check_path("a module", path)
    for node in nodes:
        target = node["target"]
        _check_identifier("a node", node["name"])
        for name in node.get("kwargs", {}):
            _check_identifier("an argument", name)
        if node["op"] == "placeholder":
            _check_identifier("an input", target)
        elif node["op"] == "get_attr":
            _check_path("a tensor", target)
        elif node["op"] == "call_module" and target not in known:
            raise InputError(f"'{node['name']}' calls a module that the recipe does not have: {_short(target)}")


def _check_path(what: str, path: object) -> None:
    first, *others = path.split(".") if isinstance(path, str) else [""]
    named = all(_is_identifier(part) or (part.isascii() and part.isdigit()) for part in (first, *others))
    if not named or hasattr(fx.GraphModule, first):
        raise _refused(what, path)


def _check_identifier(what: str, name: object) -> None:
    if not isinstance(name, str) or not _is_identifier(name):
        raise _refused(what, name)


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name) and normalize("NFKC", name) == name


def _refused(what: str, name: object) -> InputError:
    return InputError(f"{_short(name)} cannot be the name of {what} in a recipe; export the network again")


def _short(name: object) -> str:
    return repr(name)[:60]
