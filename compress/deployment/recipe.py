"""A network that comes back without the class it was made of: its graph as JSON, its tensors as safetensors.

Nothing in a recipe is code: operations and module types are looked up in fixed tables, names are names (recipe_names).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from compress.deployment.deployment import DeployedNetwork, FakeQuantize, WeightCodes
from compress.deployment.recipe_names import check_names
from compress.models.state_files import read_state, write_weights
from compress.network.calls import ATTRIBUTES, FUNCTIONS, METHODS, MODULES, operation_of_module
from compress.network.operation import Cost
from compress.policy import check_bits
from hwsim.errors import InputError
from hwsim.files.reading import read_json
from hwsim.files.writing import write_json

SCHEMA = 1

_NAME_OF = {function: name for name, function in FUNCTIONS.items()}
_TYPES: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    **MODULES,
    FakeQuantize.__name__: (FakeQuantize, ("scale", "zero_point", "bits")),
}


# -- writing ---------------------------------------------------------------------------------------------------


def save(network: DeployedNetwork, recipe_path: Path, weights_path: Path, about: dict[str, Any] | None = None) -> None:
    """Write a network as a recipe (JSON) and its tensors (safetensors, quantized weights packed at their bits).

    Raises InputError for an operation or a module that the tables here do not have.
    """
    module, codes = network.module, network.codes
    paths = {str(node.target) for node in module.graph.nodes if node.op == "call_module"}
    modules = {path: _describe_module(path, module.get_submodule(path)) for path in sorted(paths)}
    tensors: dict[str, Tensor] = {}
    for name, tensor in module.state_dict().items():
        path, _, leaf = name.rpartition(".")
        if isinstance(module.get_submodule(path), FakeQuantize) or leaf == "num_batches_tracked":
            continue
        if path in codes and leaf == "weight":
            own = codes[path]
            modules[path]["weight_bits"] = own.bits
            modules[path]["weight_shape"] = list(own.codes.shape)
            tensors[f"{path}.weight.codes"] = pack(own.codes, own.bits)
            tensors[f"{path}.weight.scale"] = own.scale
            tensors[f"{path}.weight.zero_point"] = own.zero_point
        else:
            tensors[name] = tensor
    recipe = {
        "schema": SCHEMA,
        "input_shape": list(network.input_shape),
        "weights": weights_path.name,
        "about": about or {},
        "modules": modules,
        "nodes": [_describe_node(node) for node in module.graph.nodes],
    }
    write_weights(weights_path, tensors)
    write_json(recipe_path, recipe)


def _describe_module(path: str, module: nn.Module) -> dict[str, Any]:
    kind = type(module).__name__
    if kind not in _TYPES or type(module) is not _TYPES[kind][0]:
        raise InputError(f"export: '{path}' is a {kind}, which a recipe cannot hold; replace it by plain layers")
    settings = {name: getattr(module, name) for name in _TYPES[kind][1]}
    if isinstance(module, FakeQuantize):
        settings = {"scale": float(module.scale), "zero_point": int(module.zero_point), "bits": module.bits}
    operation = operation_of_module(module)
    if operation is not None and operation.kind.cost is Cost.LAYER:
        settings["bias"] = module.bias is not None
    return {"type": kind, "settings": settings}


def _describe_node(node: fx.Node) -> dict[str, Any]:
    described: dict[str, Any] = {"name": node.name, "op": node.op}
    if node.op == "call_function":
        if node.target is getattr and str(node.args[1]) in ATTRIBUTES:
            return {**described, "op": "attribute", "target": node.args[1], "args": [_encode(node.args[0])]}
        if node.target not in _NAME_OF:
            raise InputError(f"export: a recipe cannot hold the operation {node.target} of '{node.name}'")
        described["target"] = _NAME_OF[node.target]
    elif node.op == "call_method" and node.target not in METHODS:
        raise InputError(f"export: a recipe cannot hold the method {node.target} of '{node.name}'")
    else:
        described["target"] = str(node.target)
    described["args"] = [_encode(argument) for argument in node.args]
    described["kwargs"] = {name: _encode(argument) for name, argument in node.kwargs.items()}
    return described


def _encode(argument: Any) -> Any:
    if isinstance(argument, fx.Node):
        return {"node": argument.name}
    if isinstance(argument, slice):
        return {"slice": [_encode(part) for part in (argument.start, argument.stop, argument.step)]}
    if isinstance(argument, tuple):
        return {"tuple": [_encode(part) for part in argument]}
    if isinstance(argument, list):
        return [_encode(part) for part in argument]
    if argument is None or isinstance(argument, (bool, int, float, str)):
        return argument
    if argument is Ellipsis:
        return {"ellipsis": True}
    raise InputError(f"export: a recipe cannot hold the value {argument!r}")


# -- reading ---------------------------------------------------------------------------------------------------


def load(recipe_path: Path | str) -> fx.GraphModule:
    """Build the network of a recipe, in eval mode, from the JSON and the safetensors file beside it.

    Raises InputError for a damaged recipe, a name that is no identifier, an operation that is not in the tables here,
    and sizes that are not those of the tensors: a small file asks for no large memory.
    """
    path = Path(recipe_path)
    recipe = read_json(path, "a recipe that `compress export` wrote")
    if not isinstance(recipe, dict) or recipe.get("schema") != SCHEMA:
        raise InputError(f"'{path}' is no recipe of schema {SCHEMA}; export the network again")
    try:
        return _loaded(recipe, path)
    except InputError as error:
        raise InputError(f"'{path}': {error}") from None
    except Exception as error:  # a damaged recipe raises whatever its content happens to spell
        said = " ".join(str(error).split())[:160]
        raise InputError(f"'{path}' is damaged ({type(error).__name__}: {said}); export the network again") from None


def _loaded(recipe: dict[str, Any], path: Path) -> fx.GraphModule:
    modules, nodes = recipe["modules"], recipe["nodes"]
    check_names(modules, nodes)
    state = _unpacked(read_state(path.parent / Path(str(recipe["weights"])).name), modules)
    root = nn.Module()
    for name, described in modules.items():
        _add(root, name, _build(name, described, state))
    for name in sorted({node["target"] for node in nodes if node["op"] == "get_attr"}):
        if name not in state:
            raise InputError(f"the graph reads '{name}', which the weights do not have; export the network again")
        if name.rpartition(".")[0] not in modules:
            _add(root, name, state[name])
    module = fx.GraphModule(root, _graph(nodes))
    own = module.state_dict()
    module.load_state_dict({name: tensor for name, tensor in state.items() if name in own}, strict=False)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module.eval()


def _build(path: str, described: dict[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """Build a module once its tensors are known to be those of the file: a size that was made up takes no memory."""
    kind = described["type"]
    if kind not in _TYPES:
        raise InputError(f"the recipe names the module type '{kind}', which is not known here")
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in described["settings"].items()
    }
    for name in settings:
        if name not in (*_TYPES[kind][1], "bias"):
            raise InputError(f"'{path}' has the setting '{name}', which no {kind} has; export the network again")
    if kind == FakeQuantize.__name__:
        check_bits(settings["bits"], f"bits of '{path}'")
        return FakeQuantize(float(settings["scale"]), int(settings["zero_point"]), settings["bits"])
    with torch.device("meta"):
        needed = _TYPES[kind][0](**settings).state_dict()
    for leaf, tensor in needed.items():
        name = f"{path}.{leaf}"
        if leaf != "num_batches_tracked" and (name not in state or state[name].shape != tensor.shape):
            raise InputError(f"the weights miss '{name}' or have it in another shape; export the network again")
    return _TYPES[kind][0](**settings)


def _add(root: nn.Module, path: str, part: nn.Module | Tensor) -> None:
    """Put a module, or a tensor that the graph reads by itself (a parameter used by a function), where it belongs."""
    *parents, name = path.split(".")
    for parent in parents:
        if not hasattr(root, parent):
            root.add_module(parent, nn.Module())
        root = root.get_submodule(parent)
    if isinstance(part, nn.Module):
        root.add_module(name, part)
    else:
        root.register_buffer(name, part)


def _graph(nodes: list[dict[str, Any]]) -> fx.Graph:
    graph = fx.Graph()
    known: dict[str, fx.Node] = {}
    for described in nodes:
        args = tuple(_decode(argument, known) for argument in described.get("args", []))
        kwargs = {name: _decode(argument, known) for name, argument in described.get("kwargs", {}).items()}
        operation, target = described["op"], described["target"]
        if operation == "output":
            graph.output(args[0])
            continue
        if operation == "attribute" and target in ATTRIBUTES:
            node = graph.call_function(getattr, (args[0], target))
        elif operation == "call_function" and target in FUNCTIONS:
            node = graph.call_function(FUNCTIONS[target], args, kwargs)
        elif operation == "call_method" and target in METHODS:
            node = graph.call_method(target, args, kwargs)
        elif operation in ("placeholder", "call_module", "get_attr"):
            node = graph.create_node(operation, target, args, kwargs)
        else:
            raise InputError(f"the recipe asks for '{operation} {target}', which is not known here")
        known[described["name"]] = node
    return graph


def _decode(argument: Any, known: dict[str, fx.Node]) -> Any:
    if isinstance(argument, list):
        return [_decode(part, known) for part in argument]
    if not isinstance(argument, dict):
        return argument
    ((kind, value),) = argument.items()
    if kind == "node":
        return known[value]
    if kind == "tuple":
        return tuple(_decode(part, known) for part in value)
    if kind == "slice":
        return slice(*(_decode(part, known) for part in value))
    return Ellipsis


def _unpacked(state: dict[str, Tensor], modules: dict[str, Any]) -> dict[str, Tensor]:
    """Replace packed codes by the float32 weights they stand for."""
    numbers = dict(state)
    for path, described in modules.items():
        if "weight_bits" in described:
            bits = check_bits(described["weight_bits"], f"weight_bits of '{path}'")
            shape = described["weight_shape"]
            parts = (numbers.pop(f"{path}.weight.{part}") for part in ("codes", "scale", "zero_point"))
            stream, scale, zero_point = parts
            if list(scale.shape) != shape[:1] or list(zero_point.shape) != shape[:1]:
                raise InputError(f"'{path}' has not one scale and zero point a filter; export the network again")
            codes = unpack(stream, bits, shape)
            numbers[f"{path}.weight"] = WeightCodes(codes, scale, zero_point, bits).numbers()
    return numbers


def pack(codes: Tensor, bits: int) -> Tensor:
    """Return codes below 2^bits as a stream uint8[ceil(n * bits / 8)], most significant bit first."""
    values = codes.flatten().numpy()
    planes = (values[:, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    return torch.from_numpy(np.packbits(planes.astype(np.uint8)))


def unpack(stream: Tensor, bits: int, shape: list[int]) -> Tensor:
    """Return the codes uint8[shape] of a stream that `pack` made."""
    count = math.prod(shape)
    if stream.shape != (-(-count * bits // 8),):  # before anything of that size is made
        raise InputError(f"{stream.numel()} bytes of codes are no {count} of {bits} bits; export the network again")
    planes = np.unpackbits(stream.numpy(), count=count * bits).reshape(count, bits)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint8)
    return torch.from_numpy((planes * weights).sum(axis=1, dtype=np.uint8).reshape(shape))
