"""Prices: the formula, precision, zeros, leakage, packing, memory of shapes, errors."""

from __future__ import annotations

import copy

import pytest

from hwsim.energy.cost_preset import load_costs
from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.engines.analytic import analyze
from hwsim.errors import InputError
from hwsim.hardware.accelerator import accelerator
from hwsim.pricing.layer_pricer import BREAKDOWN, LayerPricer
from hwsim.pricing.work import Work
from hwsim.vocabulary import Direction, Level, Operand, Precision
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, PoolLayer, fc_layer

LAYER = ConvLayer("conv", 16, 32, 14, 14, 3, 3, padding=1)


def _table(**changes: object) -> MacEnergyTable:
    content = load_mac_table().model_dump(by_alias=True)
    return MacEnergyTable.model_validate({**copy.deepcopy(content), **changes})


@pytest.fixture(scope="module")
def pricer() -> LayerPricer:
    return LayerPricer("paper", costs="7nm")


@pytest.mark.parametrize(
    "layer",
    [LAYER, fc_layer("fc", 100, 10), PoolLayer("pool", 8, 14, 14, 2, 2, 2), ElementwiseLayer("add", 8, 14, 14)],
    ids=lambda layer: layer.kind,
)
def test_energy_is_macs_and_words_at_their_figures(pricer: LayerPricer, layer: ConvLayer) -> None:
    cost = pricer.price(layer)
    tile, table, counts = pricer.tile, pricer.mac_table, pricer.analysis(layer).accesses
    assert cost.macs == layer.macs
    assert cost.breakdown_pj["mac"] == pytest.approx(layer.macs * table.mac_energy_fj(8, 8) / 1000)
    for level, pj_per_bit in zip(Level, pricer.costs, strict=False):
        bits = sum(
            counts.get(level, operand, direction)
            * (tile.psum_bits if operand is Operand.PSUM and level is not Level.DRAM else tile.word_bits)
            for operand in Operand
            for direction in Direction
        )
        assert cost.breakdown_pj[level.value] == pytest.approx(bits * pj_per_bit)
    assert cost.energy_pj == pytest.approx(sum(cost.breakdown_pj.values()))
    assert tuple(cost.breakdown_pj) == BREAKDOWN
    assert cost.latency_ms == pytest.approx(cost.cycles / (tile.clock_mhz * 1e3))


def test_leakage_is_that_of_idle_pes_where_macs_carry_their_own() -> None:
    table = _table(accounting="total", leakage_nw=3.0, period_ps=1000.0)
    cost = LayerPricer("paper", table, "7nm").price(LAYER)
    tile = accelerator("paper")
    all_pes_pj = 3.0 * tile.pes * cost.latency_ms  # nW x ms = pJ
    own_pj = 3e-9 * 1e-9 * LAYER.macs * 1e12  # 3 nW for 1 ns a MAC
    assert cost.breakdown_pj["leakage"] == pytest.approx(all_pes_pj - own_pj)
    bare = LayerPricer("paper", _table(accounting="no-clock", leakage_nw=3.0), "7nm").price(LAYER)
    assert bare.breakdown_pj["leakage"] == pytest.approx(all_pes_pj)


def test_costs_may_ask_for_another_accounting_of_the_table() -> None:
    table = load_mac_table()
    figures = {"energy_fj": {8: {8: 100.0}}, "zero_weight_fj": {8: 40.0}, "zero_activation_fj": {8: 50.0}}
    own = {name: getattr(table, name) for name in figures}
    asks = load_costs("7nm").model_copy(update={"mac_accounting": "no-clock"})
    both = _table(accounting="total", accountings={"total": own, "no-clock": figures})
    pricer = LayerPricer("paper", both, asks)
    assert pricer.price(LAYER).breakdown_pj["mac"] == pytest.approx(LAYER.macs * 0.1)
    assert "no-clock accounting, 100.0 fJ" in pricer.mac.source
    assert LayerPricer("paper", both, "7nm").mac.full_mac_pj == pytest.approx(table.energy_fj[8][8] / 1000)


def test_a_table_made_under_a_narrower_accounting_keeps_it() -> None:
    table = load_mac_table().with_accounting("combinational")
    assert table is not None
    pricer = LayerPricer("paper", table, "paper-fig2a")
    assert pricer.mac_table.accounting == "combinational"
    assert "the costs ask" not in pricer.mac.source


@pytest.mark.parametrize("accountings", [{}, {"total": {"energy_fj": {8: {8: 1.0}}}, "no-clock": {"energy_fj": {}}}])
def test_a_table_edited_by_hand_keeps_its_own_figures(accountings: dict[str, object]) -> None:
    asks = load_costs("7nm").model_copy(update={"mac_accounting": "no-clock"})
    table = _table(accounting="total", energy_fj={8: {8: 500.0}}, accountings=accountings)
    pricer = LayerPricer("paper", table, asks)
    assert pricer.price(LAYER).breakdown_pj["mac"] == pytest.approx(LAYER.macs * 0.5)
    assert "the costs ask for no-clock accounting, which this table lacks" in pricer.mac.source


def test_narrow_operands_only_change_the_macs(pricer: LayerPricer) -> None:
    full, narrow = pricer.price(LAYER), pricer.price(LAYER, 5, 4)
    table = pricer.mac_table
    ratio = table.mac_energy_fj(5, 4) / table.mac_energy_fj(8, 8)
    assert narrow.breakdown_pj["mac"] == pytest.approx(full.breakdown_pj["mac"] * ratio)
    assert {**narrow.breakdown_pj, "mac": 0} == {**full.breakdown_pj, "mac": 0}
    assert narrow.cycles == full.cycles


def test_packed_words_move_fewer_bits() -> None:
    tile = accelerator("paper").model_copy(update={"packed_subwords": True})
    packed, plain = LayerPricer(tile), LayerPricer("paper")
    full, half = packed.price(LAYER), packed.price(LAYER, 4, 4)
    assert full == plain.price(LAYER)
    assert half.breakdown_pj["dram"] == pytest.approx(full.breakdown_pj["dram"] / 2)
    assert half.breakdown_pj["rf"] == full.breakdown_pj["rf"]
    assert half.breakdown_pj["glb"] < full.breakdown_pj["glb"]
    analysis = packed.analysis(LAYER)
    assert analysis.processing_cycles <= half.cycles < full.cycles


def test_zero_weights_cost_what_the_table_says(pricer: LayerPricer) -> None:
    table = pricer.mac_table
    mac = pricer.price(LAYER, 8, 8, zero_weight=0.25).breakdown_pj["mac"]
    mean_fj = 0.25 * table.zero_weight_fj[8] + 0.75 * table.mac_energy_fj(8, 8)
    assert mac == pytest.approx(LAYER.macs * mean_fj / 1000)


def test_measured_zero_activations_shift_the_mean_only_where_its_share_is_recorded() -> None:
    unknown = _table(provenance={})
    assert LayerPricer("paper", unknown).price(LAYER, 8, 8, 0.0, 0.9) == LayerPricer("paper", unknown).price(LAYER)
    known = _table(provenance={"operands": {"zero_activation_share": 0.5}})
    pricer = LayerPricer("paper", known)
    mean_fj, idle_fj = pricer.mac_table.mac_energy_fj(8, 8), pricer.mac_table.zero_activation_fj[8]
    busy_fj = 2 * mean_fj - idle_fj
    for share, expected_fj in ((0.0, busy_fj), (0.5, mean_fj), (1.0, idle_fj)):
        mac_pj = pricer.price(LAYER, 8, 8, 0.0, share).breakdown_pj["mac"]
        assert mac_pj == pytest.approx(LAYER.macs * expected_fj / 1000)


def test_normalised_costs_on_a_datapath_that_was_not_characterized() -> None:
    pricer = LayerPricer("eyeriss-v1")
    cost = pricer.price(LAYER)
    assert cost.breakdown_pj["mac"] == LAYER.macs, "a MAC is the unit"
    counts = pricer.analysis(LAYER).accesses.words
    coded_away = counts[0, 0, 0] * (1 - pricer.coding(LAYER, Precision(16, 16)))
    assert coded_away > 0
    assert cost.breakdown_pj["dram"] == pytest.approx(200 * (counts[0].sum() - coded_away))
    assert cost.breakdown_pj["rf"] == pytest.approx(counts[3].sum())
    with pytest.raises(InputError, match="no MAC energy is known for 8-bit weights"):
        pricer.price(LAYER, 8, 8)
    with pytest.raises(InputError, match="no entry for 16-bit"):
        LayerPricer("eyeriss-v1", costs="7nm")


def test_a_table_without_the_precision_is_refused() -> None:
    full = load_mac_table()
    table = _table(energy_fj={8: full.energy_fj[8]})
    with pytest.raises(InputError, match="no entry for 5-bit weights and 5-bit activations"):
        LayerPricer("paper", table).price(LAYER, 5, 5)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_shares_are_fractions(pricer: LayerPricer, share: float) -> None:
    with pytest.raises(InputError, match="must be a fraction from 0 to 1"):
        pricer.price(LAYER, 8, 8, share)


def test_equal_shapes_share_a_mapping_and_old_ones_are_forgotten() -> None:
    pricer = LayerPricer("paper", remembered_shapes=2)
    other = ConvLayer("another name", 16, 32, 14, 14, 3, 3, padding=1)
    assert pricer.analysis(LAYER) is pricer.analysis(other)
    first = pricer.analysis(LAYER)
    pricer.price(fc_layer("a", 8, 8))
    assert pricer.analysis(LAYER) is first, "used again, so the oldest is another"
    pricer.price(fc_layer("b", 8, 9))
    assert pricer.analysis(LAYER) is first
    pricer.price(fc_layer("c", 8, 10))
    pricer.price(fc_layer("d", 8, 11))
    assert pricer.analysis(LAYER) is not first


def test_the_price_is_that_of_the_analysis(pricer: LayerPricer) -> None:
    mapping = pricer.mapping(LAYER)
    analysis = analyze(LAYER, pricer.tile, mapping)
    assert analysis.accesses == pricer.analysis(LAYER).accesses
    work = Work(analysis.cycles, analysis.processing_cycles, LAYER.macs)
    assert pricer.price_counts(analysis.accesses, work) == pricer.price(LAYER)


def test_costs_in_multiples_of_a_mac_follow_the_table() -> None:
    pricer = LayerPricer("paper", costs="eyeriss-normalized")
    mac_pj = pricer.mac_table.mac_energy_fj(8, 8) / 1000
    assert pricer.costs.rf_pj_per_bit * 8 == pytest.approx(mac_pj)
    assert load_costs("eyeriss-normalized").rf == 1.0


def test_unknown_objective() -> None:
    with pytest.raises(InputError, match="objective 'speed' is unknown; use energy, latency or edp"):
        LayerPricer("paper", objective="speed")
