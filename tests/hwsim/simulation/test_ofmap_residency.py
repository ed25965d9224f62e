"""Ofmaps kept in the GLB: what is saved is exactly the DRAM words, capacity holds, and nothing gets worse."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.errors import InputError
from hwsim.kernels.nest import glb_bits
from hwsim.mapping.lowering import lower_layer, lower_tile
from hwsim.simulation.simulate import simulate
from hwsim.workload.builtin.builder import NetworkBuilder
from hwsim.workload.network import Network


def _chain() -> Network:
    net = NetworkBuilder("chain", (4, 8, 8))
    x = net.conv(net.image, "a", 8, 3, padding=1)
    y = net.conv(x, "b", 8, 3, padding=1)
    x = net.add("add", y, x)
    net.conv(x, "c", 4, 1)
    return net.build()


def test_small_ofmaps_never_see_dram() -> None:
    plain, kept = simulate(_chain(), "paper"), simulate(_chain(), "paper", keep_ofmaps=True)
    assert "ofmaps kept in the GLB for their readers: a, b, add;" in kept.notes[-1]
    by_name = {one.layer.name: one for one in kept.runs}
    counts = {name: one.analysis.accesses.as_dict() for name, one in by_name.items()}
    assert [counts[name]["dram"]["psum"]["write"] for name in ("a", "b", "add", "c")] == [0, 0, 0, 4 * 64]
    assert [counts[name]["dram"]["ifmap"]["read"] for name in ("b", "add", "c")] == [0, 0, 0]
    assert counts["a"]["dram"]["ifmap"]["read"] == 4 * 64
    # stored once, at the width of a word
    plain_fill = plain.runs[0].analysis.accesses.as_dict()["glb"]["ifmap"]["write"]
    assert counts["a"]["glb"]["ifmap"]["write"] == plain_fill + 8 * 64
    assert kept.energy_pj < plain.energy_pj
    assert kept.cycles < plain.cycles


@pytest.mark.parametrize("name", ["resnet20-cifar", "googlenet-cifar"])
def test_mappings_fit_beside_what_is_resident(name: str) -> None:
    run = simulate(name, "paper", keep_ofmaps=True)
    kept = run.notes[-1].split(": ")[1].split(";")[0].split(", ")
    net, tile = run.network, run.tile
    for place, one in enumerate(run.runs):
        bits = sum(glb_bits(lower_layer(one.layer), lower_tile(tile), one.analysis.mapping.lowered()))
        for index in map(net.index, kept):
            if index <= place <= max(net.consumers(index)):
                bits += net.layers[index].ofmap_words * tile.word_bits
        assert bits <= tile.glb_size_bytes * 8, one.layer.name


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_never_worse_by_the_objective(objective: str) -> None:
    plain = simulate("resnet20-cifar", "paper", objective=objective)
    kept = simulate("resnet20-cifar", "paper", objective=objective, keep_ofmaps=True)

    def figure(run: hwsim.Run) -> float:
        return {"energy": run.energy_pj, "latency": run.cycles, "edp": run.energy_pj * run.cycles}[objective]

    assert figure(kept) < figure(plain)


def test_large_ofmaps_go_to_dram() -> None:
    net = NetworkBuilder("large", (3, 64, 64))
    net.conv(net.conv(net.image, "a", 64, 3, padding=1), "b", 64, 3, padding=1)
    run = simulate(net.build(), "paper", keep_ofmaps=True)
    assert "readers: none;" in run.notes[-1]
    assert [one.cost for one in run.runs] == [one.cost for one in simulate(net.build(), "paper").runs]


def test_only_with_its_own_mappings() -> None:
    with pytest.raises(InputError, match="--keep-ofmaps chooses its own mappings"):
        simulate(_chain(), "paper", "cycle", keep_ofmaps=True)
    mapping = hwsim.best_mapping(_chain().layers[0], hwsim.accelerator("paper"))
    with pytest.raises(InputError, match="--keep-ofmaps chooses its own mappings"):
        simulate(_chain(), "paper", mappings={"a": mapping}, keep_ofmaps=True)
