"""Runs a network on a tile: maps every layer, counts or executes it, prices it, and adds up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.energy.cost_preset import CostPreset
from hwsim.energy.mac_table import MacEnergyTable
from hwsim.errors import InputError, check_kind, check_whole
from hwsim.files.spec import LARGEST_SEED
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.mapping.mapper import best_mappings
from hwsim.mapping.mapping import Mapping
from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.simulation.engine import Engine, make_engine
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.ofmap_residency import keep_in_glb
from hwsim.simulation.run import Run
from hwsim.vocabulary import EngineName, Objective, Precision, ZeroShares
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network as load_network
from hwsim.workload.network import Network
from hwsim.workload.policy import LayerTreatment, Treated, apply_policy, read_policy


def simulate(  # noqa: PLR0913  the face of the package: every setting by name, each with a default
    network: Network | str | Path,
    tile: AcceleratorSpec | str | Path = "paper",
    engine: EngineName | str = EngineName.ANALYTIC,
    *,
    batch: int | None = None,
    objective: Objective | str = Objective.ENERGY,
    mac_table: MacEnergyTable | str | Path | None = None,
    costs: CostPreset | str | Path | None = None,
    bits: int | None = None,
    policy: dict[str, LayerTreatment] | str | Path | None = None,
    mappings: dict[str, Mapping] | None = None,
    layer: str | None = None,
    seed: int = 0,
    weights: dict[str, np.ndarray[Any, Any]] | None = None,
    keep_ofmaps: bool = False,
) -> Run:
    """Return what a network costs on a tile.

    `batch`: images, 1 where left out; a Network has its own. `bits`: precision of all operands on the fixed datapath;
    `policy`: precision, zeros and channels by layer, or the file that holds them; `mappings`: by layer name, the
    mapper's choice elsewhere; `layer`: simulate this one alone; `weights`: by layer name, for the cycle engine;
    `keep_ofmaps`: an ofmap that fits stays in the GLB for its readers.
    Raises InputError for unknown names, layers that cannot be mapped and precisions that were not characterized.
    """
    net = network if isinstance(network, Network) else load_network(network, 1 if batch is None else batch)
    if batch is not None and batch != net.batch:
        raise InputError(
            f"batch is {batch}, and the network is built for {net.batch}; leave batch out or build it anew"
        )
    spec = accelerator(tile)
    _check(spec, bits=bits, layer=layer, seed=seed, mappings=mappings, weights=weights)
    pricer = LayerPricer(spec, mac_table, costs, objective)
    treated = _untreated(net) if policy is None else apply_policy(net, _treatments(policy))
    if layer is not None:
        treated = _alone(treated, layer)
    for name in mappings or {}:
        treated.network.index(name)
    if keep_ofmaps and (mappings or str(getattr(engine, "value", engine)) != EngineName.ANALYTIC.value):
        raise InputError(
            "--keep-ofmaps chooses its own mappings by closed form; leave out --mapping and --engine cycle"
        )
    chosen = make_engine(engine, pricer, seed=seed, weights=weights or {})
    chosen.warm_up()
    start = time.perf_counter()
    runs = _run_layers(treated, pricer, chosen, mappings or {}, bits)
    notes = list(chosen.notes)
    if keep_ofmaps:
        runs, note = keep_in_glb(treated.network, runs, pricer)
        notes.append(note)
    wall_s = time.perf_counter() - start
    name = str(mac_table) if isinstance(mac_table, str | Path) else ("given" if mac_table else "shipped")
    return Run(treated.network, spec, chosen.name, pricer.objective, pricer, name, wall_s, tuple(runs), tuple(notes))


def _check(tile: AcceleratorSpec, *, bits: Any, layer: Any, seed: Any, mappings: Any, weights: Any) -> None:
    """Refuse values of the wrong type or size by the name of their argument."""
    if bits is not None:
        check_whole("--bits", bits, 1, tile.word_bits)
    check_whole("--seed", seed, 0, LARGEST_SEED)
    check_kind("--layer", layer, (str, type(None)), "the name of a layer")
    for argument, value, kind in (("mappings", mappings, Mapping), ("weights", weights, np.ndarray)):
        check_kind(argument, value, (dict, type(None)), f"a dict of layer name to {kind.__name__}")
        for name, one in (value or {}).items():
            check_kind(f"{argument}[{name!r}]", one, (kind,), f"a {kind.__name__}")


def _treatments(policy: Any) -> dict[str, LayerTreatment]:
    if isinstance(policy, str | Path):
        return read_policy(Path(policy))
    expected = "the path of a completed policy.json, or a dict of layer name to LayerTreatment"
    check_kind("policy", policy, (dict,), expected)
    for name, one in policy.items():
        check_kind(f"policy[{name!r}]", one, (LayerTreatment,), "a LayerTreatment; give the path of a policy.json")
    return dict(policy)


def _run_layers(
    treated: Treated, pricer: LayerPricer, engine: Engine, mappings: dict[str, Mapping], bits: int | None
) -> list[LayerRun]:
    full = pricer.tile.word_bits
    unmapped = [one for one in treated.network.layers if one.name not in mappings]
    best_mappings(unmapped, pricer.tile, pricer.costs, pricer.objective)
    runs = []
    for one, precision, zeros in zip(treated.network.layers, treated.precisions, treated.zeros, strict=True):
        widths = precision or Precision(full if bits is None else bits, full if bits is None else bits)
        if max(widths) > full:
            raise InputError(
                f"layer '{one.name}': {max(widths)} bits do not fit the {full}-bit datapath of '{pricer.tile.name}'"
            )
        # pooling and elementwise layers move words of the datapath's width
        moved = widths if isinstance(one, ConvLayer) else Precision(full, full)
        runs.append(engine.run(one, moved, zeros, mappings.get(one.name)))
    return runs


def _untreated(net: Network) -> Treated:
    return Treated(net, (None,) * len(net.layers), (ZeroShares(),) * len(net.layers))


def _alone(treated: Treated, name: str) -> Treated:
    index = treated.network.index(name)
    alone = Network(treated.network.name, (treated.network.layers[index],), ((-1,),))
    return Treated(alone, (treated.precisions[index],), (treated.zeros[index],))
