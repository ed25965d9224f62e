"""The cycle engine in a run: same words as the closed form, measured zeros, seeds, given weights, exact results."""

from __future__ import annotations

import numpy as np
import pytest

import hwsim
from hwsim.energy.mac_table import load_mac_table
from hwsim.engines.operand_statistics import run_length_bits
from hwsim.errors import InputError
from hwsim.mapping.lowering import lower_layer
from hwsim.pricing.sampled_streams import Tensors, operand_stream
from hwsim.simulation.simulate import simulate
from hwsim.vocabulary import Precision, ZeroShares
from hwsim.workload.builtin.builder import NetworkBuilder
from hwsim.workload.layer import ConvLayer
from hwsim.workload.network import Network
from hwsim.workload.policy import LayerTreatment
from hwsim.workload.synthetic_tensors import draw_filters, draw_ifmap, generator, quantize_weights


def _network() -> Network:
    net = NetworkBuilder("tiny", (3, 12, 12))
    x = net.conv(net.image, "stem", 8, 3, padding=1)
    y = net.conv(x, "depthwise", 8, 3, padding=1, groups=8)
    x = net.pool(net.add("add", x, y), "pool", 2, 2)
    net.fc(x, "fc", 10)
    return net.build()


@pytest.fixture(scope="module")
def run() -> hwsim.Run:
    return simulate(_network(), "paper", "cycle", seed=3)


def test_both_engines_move_the_same_words(run: hwsim.Run) -> None:
    analytic = simulate(_network(), "paper")
    assert run.accesses == analytic.accesses
    assert all(mine.cost.cycles >= theirs.cost.cycles for mine, theirs in zip(run.runs, analytic.runs, strict=True))
    for part in ("rf", "noc", "glb", "dram"):
        assert run.breakdown_pj[part] == pytest.approx(analytic.breakdown_pj[part])


def _without_model() -> hwsim.MacEnergyTable:
    return load_mac_table().model_copy(update={"transition_model": {}})


def test_zeros_are_measured_and_priced_without_a_model() -> None:
    run = simulate(_network(), "paper", "cycle", seed=3, mac_table=_without_model())
    shares = run.as_json()["layers"][0]["operands"]
    assert 0.4 < shares["zero_ifmap"] < 0.7, "45 % zeros, those of rounding and padding"
    assert 0.0 <= shares["zero_filter"] < 0.3
    first = run.runs[0]
    mac_pj = run.pricer.mac.mac_pj(Precision(8, 8), ZeroShares(0.0, shares["zero_ifmap"]))
    assert first.cost.breakdown_pj["mac"] == pytest.approx(first.layer.macs * mac_pj)
    assert run.runs[2].as_json()["operands"] == {"zero_ifmap": None, "zero_filter": None}
    assert any("holds no transition model that applies" in note for note in run.notes)


def test_the_seed_decides(run: hwsim.Run) -> None:
    assert [one.cost for one in simulate(_network(), "paper", "cycle", seed=3).runs] == [one.cost for one in run.runs]
    other = simulate(_network(), "paper", "cycle", seed=4)
    assert other.runs[0].operands != run.runs[0].operands
    alone = simulate(_network(), "paper", "cycle", seed=3, layer="fc")
    assert alone.runs[0].cost == run.runs[-1].cost, "a layer's tensors do not depend on the others"


def test_pruned_weights_are_seen_and_priced_like_in_a_search() -> None:
    policy = {"fc": LayerTreatment(zero_filter=0.5, bits=6)}
    table = _without_model()
    cycle = simulate(_network(), "paper", "cycle", policy=policy, layer="fc", mac_table=table).runs[0]
    assert cycle.operands.filter is not None
    assert cycle.operands.filter >= 0.5
    fast = simulate(_network(), "paper", policy=policy, layer="fc").runs[0]
    share = cycle.operands.ifmap
    expected = hwsim.LayerPricer("paper", table).price(fast.layer, 6, 6, 0.5, share)
    assert cycle.cost.breakdown_pj["mac"] == pytest.approx(expected.breakdown_pj["mac"])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.8, 1.0])
def test_a_stated_share_of_zeros_is_drawn_to_the_word(share: float) -> None:
    layer = ConvLayer("layer", 4, 4, 10, 10, 1, 1)
    words = draw_ifmap(layer, 4, generator(0, layer), share)
    assert np.count_nonzero(words == 0) == round(share * layer.ifmap_words)
    policy = {"layer": LayerTreatment(zero_ifmap=share)}
    net = Network("one", (layer,), ((-1,),))
    run = simulate(net, "paper", "cycle", policy=policy, mac_table=_without_model()).runs[0]
    assert run.operands.ifmap == pytest.approx(share)
    fast = simulate(net, "paper", policy=policy, mac_table=_without_model())
    assert fast.breakdown_pj["mac"] == pytest.approx(run.cost.breakdown_pj["mac"])


def test_a_stated_share_of_zeros_decides_what_travels_coded() -> None:
    net = Network("one", (ConvLayer("layer", 8, 8, 32, 32, 3, 3),), ((-1,),))
    for engine in ("analytic", "cycle"):
        few, many = (
            simulate(net, "eyeriss-v1", engine, bits=16, policy={"layer": LayerTreatment(bits=16, zero_ifmap=share)})
            for share in (0.0, 0.9)
        )
        assert (few.runs[0].analysis.ifmap_coding, many.runs[0].analysis.ifmap_coding) == pytest.approx(
            (1.0, 0.1 * 64 / 48), rel=0.08
        )


def test_a_table_that_records_no_zeros_says_that_a_stated_share_moves_nothing() -> None:
    table = load_mac_table().model_copy(update={"provenance": {}})
    net = Network("one", (ConvLayer("layer", 8, 8, 8, 8, 3, 3),), ((-1,),))
    stated, plain = (
        simulate(net, "paper", mac_table=table, policy={"layer": LayerTreatment(zero_ifmap=share)})
        for share in (0.9, None)
    )
    assert stated.energy_pj == plain.energy_pj
    assert any("zero_ifmap moves no MAC energy" in note for note in stated.notes)
    assert not any("zero_ifmap" in note for note in plain.notes)


def _mac_energy(run: hwsim.Run) -> float:
    return run.breakdown_pj["mac"]


@pytest.mark.parametrize("costs", ["7nm", "paper-fig2a"])
def test_typical_operands_cost_what_the_table_says(costs: str) -> None:
    """Both accountings: the model scales what switches, the clock stays."""
    cycle, analytic = (simulate(_network(), "paper", engine, costs=costs, bits=5) for engine in ("cycle", "analytic"))
    assert _mac_energy(cycle) == pytest.approx(_mac_energy(analytic))
    assert any("scaled by the transition model (mean error" in note for note in cycle.notes)


@pytest.mark.parametrize("sparsity", [0.3, 0.6])
def test_the_model_and_the_zero_weight_energy_agree_on_pruned_layers(sparsity: float) -> None:
    """The stated agreement of both ways to price fine-grained sparsity at 8 bits: 20 % of the MACs' energy."""
    policy = {"layer": LayerTreatment(zero_filter=sparsity)}
    net = Network("one", (ConvLayer("layer", 32, 32, 16, 16, 3, 3, padding=1),), ((-1,),))
    cycle, fast = (simulate(net, "paper", engine, policy=policy) for engine in ("cycle", "analytic"))
    dense = simulate(net, "paper")
    assert _mac_energy(cycle) < _mac_energy(dense)
    assert _mac_energy(cycle) == pytest.approx(_mac_energy(fast), rel=0.2)


def test_a_dead_layer_pays_the_clock_alone() -> None:
    weights = {"stem": np.zeros((8, 3, 3, 3), np.float32)}
    run = simulate(_network(), "paper", "cycle", weights=weights, layer="stem", costs="7nm")
    clock_pj = run.pricer.mac.clock_fj(Precision(8, 8)) * run.macs / 1000
    assert clock_pj * (1 - 1e-12) <= _mac_energy(run) < 1.5 * clock_pj  # equal but for rounding where it is clamped


def test_streams_are_those_of_a_pe() -> None:
    layer = ConvLayer("row", 2, 3, 1, 9, 1, 3, stride=(1, 2), padding=(0, 1))
    mapping = hwsim.Mapping(m=3, n=1, e=1, f=5, p=3, q=2, r=1, t=1)
    rng = np.random.default_rng(0)
    ifmap, filters = draw_ifmap(layer, 8, rng), draw_filters(layer, 8, 0.0, rng)
    stream = operand_stream(lower_layer(layer), mapping.lowered(), Tensors(ifmap, filters), rng)
    expected = []
    for column in range(layer.out_width):
        psums = [0, 0, 0]
        for channel in range(2):
            for tap in range(3):
                x = 2 * column + tap - 1
                word = int(ifmap[0, channel, 0, x]) if 0 <= x < 9 else 0
                for one in range(3):
                    weight = int(filters[one, channel, 0, tap])
                    expected.append((weight, word, psums[one]))
                    psums[one] += weight * word
    assert list(zip(*(part.tolist() for part in stream), strict=True)) == expected


def test_gated_macs_read_no_filter_word_and_cost_nothing_as_a_unit() -> None:
    net = Network("one", (ConvLayer("layer", 8, 8, 8, 8, 3, 3),), ((-1,),))
    gating = simulate(net, "eyeriss-v1", "cycle").runs[0]
    plain_tile = hwsim.accelerator("eyeriss-v1").model_copy(update={"zero_gating": False})
    plain = simulate(net, plain_tile, "cycle").runs[0]
    gated = round(gating.layer.macs * (gating.operands.ifmap or 0))
    assert plain.cost.breakdown_pj["mac"] - gating.cost.breakdown_pj["mac"] == pytest.approx(gated)
    assert plain.cost.breakdown_pj["rf"] - gating.cost.breakdown_pj["rf"] == pytest.approx(gated)


def test_coded_ifmaps_cost_the_bits_that_travel() -> None:
    layer = ConvLayer("layer", 8, 8, 8, 8, 3, 3)
    net = Network("one", (layer,), ((-1,),))
    coded_tile = hwsim.accelerator("eyeriss-v1")
    plain_tile = coded_tile.model_copy(update={"dram_run_length_coded": False})
    coded, plain = (simulate(net, tile, "cycle").runs[0] for tile in (coded_tile, plain_tile))
    bits = run_length_bits(draw_ifmap(layer, 16, generator(0, layer)), 16)
    assert coded.analysis.ifmap_coding == bits / (layer.ifmap_words * 16)
    reads = plain.analysis.accesses.as_dict()["dram"]["ifmap"]["read"]
    saved_words = reads * (1 - bits / (layer.ifmap_words * 16))
    assert saved_words > 0
    assert plain.cost.breakdown_pj["dram"] - coded.cost.breakdown_pj["dram"] == pytest.approx(200 * saved_words)


def test_coded_ifmaps_save_the_time_of_the_bits_that_travel() -> None:
    """A layer that DRAM bounds: both engines, each with the zeros that it knows of, are faster by the bits saved."""
    layer = ConvLayer("layer", 256, 4, 28, 28, 1, 1)
    net = Network("one", (layer,), ((-1,),))
    coded_tile = hwsim.accelerator("eyeriss-v1").model_copy(update={"dram_bandwidth_gbit_per_s": 0.2})
    plain_tile = coded_tile.model_copy(update={"dram_run_length_coded": False})
    for engine in ("analytic", "cycle"):
        coded, plain = (simulate(net, tile, engine).runs[0] for tile in (coded_tile, plain_tile))
        reads = plain.analysis.accesses.as_dict()["dram"]["ifmap"]["read"]
        saved = reads * (1 - coded.analysis.ifmap_coding) * 16 / coded_tile.dram_bits_per_cycle
        assert 0.7 < coded.analysis.ifmap_coding < 0.76, "45 % zeros, 64 bits for three words of 16"
        assert plain.cost.cycles - coded.cost.cycles == pytest.approx(saved, rel=0.01)
        assert coded.cost.cycles == coded.analysis.cycles
        assert coded.cost.energy_pj < plain.cost.energy_pj
    analytic = simulate(net, coded_tile)
    assert any("ifmaps run-length coded, with 45% zeros" in note for note in analytic.notes)
    alone = analytic.pricer.price(layer)
    assert (alone.energy_pj, alone.cycles) == (analytic.runs[0].cost.energy_pj, analytic.runs[0].cost.cycles)


def test_given_weights_are_run() -> None:
    weights = np.zeros((8, 3, 3, 3), np.float32)
    weights[0] = 1.5
    one = simulate(_network(), "paper", "cycle", weights={"stem": weights}, layer="stem").runs[0]
    assert one.operands.filter == pytest.approx(7 / 8)
    with pytest.raises(InputError, match="its weights have the shape"):
        simulate(_network(), "paper", "cycle", weights={"stem": weights[:4]}, layer="stem")


def test_overflow_is_reported() -> None:
    tile = hwsim.accelerator("paper").model_copy(update={"psum_bits": 12})
    noted = simulate(_network(), tile, "cycle", layer="fc").notes
    assert any("psums left the range of 12 bits and were handled by wrap" in note for note in noted)


@pytest.mark.parametrize("bits", [2, 5, 8, 16])
def test_tensors_fit_their_bits(bits: int) -> None:
    layer = ConvLayer("conv", 16, 32, 9, 9, 3, 3)
    rng = generator(0, layer)
    ifmap, filters = draw_ifmap(layer, bits, rng), draw_filters(layer, bits, 0.25, rng)
    limit = 2 ** (bits - 1) - 1
    assert (ifmap.shape, filters.shape) == ((1, 16, 9, 9), (32, 16, 3, 3))
    assert 0 <= ifmap.min() <= ifmap.max() <= limit
    assert -limit <= filters.min() < 0 < filters.max() <= limit
    assert np.mean(filters == 0) >= 0.25
    assert ifmap.dtype == filters.dtype == (np.int16 if bits > 8 else np.int8)


def test_real_weights_are_scaled_to_the_whole_range() -> None:
    weights = np.array([[-2.0, 0.5], [1.0, 0.0]])
    assert quantize_weights(weights, 8).tolist() == [[-127, 32], [64, 0]]
    assert quantize_weights(np.zeros((2, 2)), 8).tolist() == [[0, 0], [0, 0]]
