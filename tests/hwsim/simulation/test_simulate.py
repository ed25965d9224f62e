"""Whole runs: totals, the result's fields, policies, mappings, single layers."""

from __future__ import annotations

import json

import pytest

import hwsim
from hwsim.errors import InputError
from hwsim.pricing.fit_memory_scale import calibrate
from hwsim.pricing.layer_pricer import BREAKDOWN
from hwsim.simulation.simulate import simulate
from hwsim.workload.policy import LayerTreatment

TOP = "schema network accelerator batch engine objective costs mac_table engine_wall_s totals layers"
TOTALS = "macs cycles latency_ms energy_pj energy_breakdown_pj accesses"
LAYER = (
    "name type macs cycles processing_cycles stall_cycles active_pes utilization energy_pj accesses mapping operands"
)


@pytest.fixture(scope="module")
def run() -> hwsim.Run:
    return simulate("resnet20-cifar", "paper")


def test_result_has_the_promised_fields(run: hwsim.Run) -> None:
    content = json.loads(json.dumps(run.as_json(), allow_nan=False))
    assert set(TOP.split()) <= set(content)
    assert set(TOTALS.split()) == set(content["totals"])
    for layer in content["layers"]:
        assert set(LAYER.split()) <= set(layer)
        assert set(layer["operands"]) == {"zero_ifmap", "zero_filter"}
        assert tuple(layer["energy_pj"]) == BREAKDOWN
        for level in ("dram", "glb", "noc", "rf"):
            assert set(layer["accesses"][level]) == {"ifmap", "filter", "psum"}
            assert set(layer["accesses"][level]["psum"]) == {"read", "write"}
    assert (content["schema"], content["network"], content["accelerator"]) == (1, "resnet20-cifar", "paper")
    assert (content["batch"], content["engine"], content["objective"]) == (1, "analytic", "energy")
    assert (content["costs"], content["mac_table"]) == ("paper-fig2a", "shipped")


def test_totals_are_sums_over_layers(run: hwsim.Run) -> None:
    content = run.as_json()
    totals, layers = content["totals"], content["layers"]
    assert totals["macs"] == sum(layer["macs"] for layer in layers) == run.network.macs
    assert totals["cycles"] == sum(layer["cycles"] for layer in layers)
    assert totals["energy_pj"] == pytest.approx(sum(sum(layer["energy_pj"].values()) for layer in layers))
    assert totals["energy_pj"] == pytest.approx(sum(totals["energy_breakdown_pj"].values()))
    words = sum(layer["accesses"]["glb"]["psum"]["read"] for layer in layers)
    assert totals["accesses"]["glb"]["psum"]["read"] == words
    for layer in layers:
        assert layer["cycles"] == layer["processing_cycles"] + sum(layer["stall_cycles"].values())


def test_counts_read_like_the_file(run: hwsim.Run) -> None:
    counts, content = run.runs[0].analysis.accesses, run.as_json()["layers"][0]["accesses"]
    assert dict(counts) == counts.as_dict() == content
    assert counts == content
    assert counts["glb"]["psum"]["read"] == content["glb"]["psum"]["read"]
    with pytest.raises(ValueError, match="l2"):
        _ = counts["l2"]


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_a_layer_alone_is_mapped_like_in_a_simulation(objective: str) -> None:
    whole = simulate("resnet20-cifar", "paper", objective=objective)
    for one in whole.runs[:6]:
        alone = hwsim.analyze(one.layer, whole.tile, objective=objective)
        assert alone.mapping == one.analysis.mapping
        assert (alone.accesses, alone.cycles) == (one.analysis.accesses, one.cost.cycles)


def test_frame_has_one_row_a_layer(run: hwsim.Run) -> None:
    frame = run.layers
    assert len(frame) == len(run.network.layers)
    assert frame["energy_pj"].sum() == pytest.approx(run.energy_pj)
    assert frame["cycles"].sum() == run.cycles
    assert frame["dram_filter_read_words"].iloc[0] >= run.network.layers[0].filter_words


def test_same_run_same_result(run: hwsim.Run) -> None:
    again = simulate(run.network, run.tile).as_json()
    assert {**again, "engine_wall_s": 0} == {**run.as_json(), "engine_wall_s": 0}


def test_a_single_layer_costs_what_it_costs_in_the_network(run: hwsim.Run) -> None:
    alone = simulate("resnet20-cifar", "paper", layer="layer2.0.conv1")
    inside = next(one for one in run.runs if one.layer.name == "layer2.0.conv1")
    assert [one.cost for one in alone.runs] == [inside.cost]


def test_batches(run: hwsim.Run) -> None:
    four = simulate("resnet20-cifar", "paper", batch=4)
    assert four.macs == 4 * run.macs
    assert four.energy_pj < 4 * run.energy_pj, "filters are read once for several images"


def test_bits_and_policies_price_the_macs() -> None:
    full = simulate("resnet20-cifar")
    narrow = simulate("resnet20-cifar", bits=5)
    table = full.pricer.mac_table
    ratio = table.mac_energy_fj(5, 5) / table.mac_energy_fj(8, 8)
    assert narrow.breakdown_pj["mac"] == pytest.approx(full.breakdown_pj["mac"] * ratio)
    policy = {name: LayerTreatment(bits=5) for name in _weighted(full)}
    assert simulate("resnet20-cifar", policy=policy).breakdown_pj == pytest.approx(narrow.breakdown_pj)


def _weighted(run: hwsim.Run) -> list[str]:
    return [layer.name for layer in run.network.layers if layer.macs]


def test_uniform_five_bits_save_what_the_paper_prints() -> None:
    """Balaskas et al., IEEE TETC, section 3, Fig. 2a: 29 % of the total energy at 5-bit weights and activations."""
    full = simulate("resnet18-cifar", costs="paper-fig2a")
    narrow = simulate("resnet18-cifar", costs="paper-fig2a", bits=5)
    assert 1 - narrow.energy_pj / full.energy_pj == pytest.approx(0.29, abs=5e-4)


def test_the_shipped_factor_is_the_one_that_the_shipped_table_gives() -> None:
    """`hwsim costs --calibrate --out hwsim/data/costs/paper-fig2a.toml` wrote it; run that after a new table."""
    shipped, found = hwsim.load_costs("paper-fig2a"), calibrate("paper")
    assert shipped.memory_scale == pytest.approx(found.factor, rel=1e-9)
    assert shipped.mac_accounting == found.accounting
    assert shipped.calibration["mac_ratio"] == pytest.approx(found.mac_ratio, rel=1e-9)


def test_given_mappings_are_used_and_checked(run: hwsim.Run) -> None:
    mapping = hwsim.Mapping(m=1, n=1, e=1, f=1, p=1, q=1, r=1, t=1, k=3)
    slow = simulate("resnet20-cifar", mappings={"conv1": mapping})
    assert slow.runs[0].analysis.mapping == mapping
    assert slow.runs[0].cost.energy_pj > run.runs[0].cost.energy_pj
    with pytest.raises(InputError, match="unknown layer of resnet20-cifar 'conv2'"):
        simulate("resnet20-cifar", mappings={"conv2": mapping})
    with pytest.raises(InputError, match="layer 'conv1'"):
        simulate("resnet20-cifar", mappings={"conv1": hwsim.Mapping(m=1, n=1, e=99, f=1, p=1, q=1, r=1, t=1)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "cylce"}, "--engine 'cylce' is unknown"),
        ({"bits": 9}, "--bits is 9, must be a whole number from 1 to 8"),
        ({"layer": "conv7"}, "unknown layer of resnet20-cifar 'conv7'"),
        ({"objective": "speed"}, "objective 'speed' is unknown"),
        ({"costs": "7mm"}, "unknown cost preset '7mm'"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate("resnet20-cifar", **options)  # type: ignore[arg-type]


def test_public_names_are_importable_and_functions_stay_functions() -> None:
    import hwsim.hardware.accelerator
    import hwsim.simulation.simulate
    import hwsim.workload.load

    for name in hwsim.__all__:
        assert getattr(hwsim, name) is not None
    assert callable(hwsim.accelerator)
    assert callable(hwsim.network)
    assert callable(hwsim.simulate)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hwsim.nothing


def test_a_batch_that_contradicts_the_networks_own_is_refused() -> None:
    network = hwsim.network("resnet20-cifar", batch=2)
    assert hwsim.simulate(network, batch=2).energy_pj == hwsim.simulate("resnet20-cifar", batch=2).energy_pj
    with pytest.raises(InputError, match="batch is 4, and the network is built for 2"):
        hwsim.simulate(network, batch=4)
