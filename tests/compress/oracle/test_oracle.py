"""The oracle on the embedded network: baselines, both energy models, splits, determinism."""

from __future__ import annotations

import numpy as np
import pytest

from compress.images.dataset import Dataset, load_data
from compress.images.split import Split
from compress.models.load import load_model
from compress.network.trace import trace
from compress.oracle.oracle import Oracle, build_oracle, float_size_bytes
from compress.oracle.spec import MeasurementSpec
from compress.policy import LayerPolicy, Policy, uniform_policy
from compress.vocabulary import EnergyMode
from hwsim.errors import InputError
from hwsim.pricing.layer_pricer import LayerPricer


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_data("digits")


def build(
    data: Dataset, energy: EnergyMode = EnergyMode.SIMULATED, *, images: int | None = None, seed: int = 0
) -> Oracle:
    model = load_model("digits-cnn", None, data)
    return build_oracle(
        trace(model, data.example), model, data, MeasurementSpec(energy=energy, seed=seed), images=images
    )


@pytest.fixture(scope="module", params=list(EnergyMode))
def oracle(request: pytest.FixtureRequest, data: Dataset) -> Oracle:
    return build(data, request.param)


def names(oracle: Oracle) -> list[str]:
    return [layer.name for layer in oracle.layers]


def test_the_baseline_is_the_dense_network_at_8_bits(oracle: Oracle) -> None:
    pricer = LayerPricer("paper")
    expected = sum(pricer.price(layer, 8, 8).energy_pj for layer in oracle.graph.hwsim_layers())
    assert oracle.baseline.energy_pj == pytest.approx(expected, rel=1e-12)
    assert oracle.baseline.accuracy_pct > 97
    assert oracle.baseline.lost_pct(oracle.baseline) == 0
    assert oracle.baseline.saved_pct(oracle.baseline) == 0
    assert oracle.baseline.macs == sum(layer.macs for layer in oracle.graph.hwsim_layers())
    assert oracle.baseline.size_bytes < float_size_bytes(oracle.evaluator.model) / 3


def test_steps_add_up_to_the_whole_policy(oracle: Oracle) -> None:
    pruners = ("level", "l1_ranked", "fm_reconstruction", "bernoulli", "splicing", "l2_ranked", "sensitivity")
    policy = Policy({name: LayerPolicy(pruner, 0.3, 6) for name, pruner in zip(names(oracle), pruners, strict=True)})
    oracle.reset()
    last = None
    for index, name in enumerate(names(oracle)):
        last = oracle.step(index, policy.layer(name))
    whole = oracle.evaluate(policy)
    assert last is not None
    assert (last.accuracy_pct, last.energy_pj, last.latency_ms) == (
        whole.accuracy_pct, whole.energy_pj, whole.latency_ms,
    )  # fmt: skip


def test_an_evaluation_does_not_disturb_the_episode(oracle: Oracle) -> None:
    oracle.reset()
    oracle.step(0, LayerPolicy("level", 0.5, 4))
    oracle.evaluate(uniform_policy(names(oracle), LayerPolicy("l1_ranked", 0.5, 3)))
    oracle.evaluate(Policy({}), split=Split.TEST)
    disturbed = oracle.step(1, LayerPolicy("level", 0.5, 4))
    oracle.reset()
    oracle.step(0, LayerPolicy("level", 0.5, 4))
    assert oracle.step(1, LayerPolicy("level", 0.5, 4)) == disturbed


def test_measuring_on_other_images_in_between_changes_nothing(data: Dataset) -> None:
    """A look at the wider sample brings the network up to date too: what was kept before it may hold no longer."""
    oracle = build(data, images=60)
    rng = np.random.default_rng(0)
    for turn in range(30):
        layers = {name: LayerPolicy("level", round(float(rng.uniform(0, 0.8)), 2), 8) for name in names(oracle)}
        first = int(rng.integers(len(layers)))  # the first layers stay as they are: their activations are kept
        for name in names(oracle)[:first]:
            layers[name] = LayerPolicy()
        split = Split.WIDER if turn % 3 == 1 else Split.VALIDATION
        measured, fresh = oracle.evaluate(Policy(layers), split), build(data, images=60)
        assert measured == fresh.evaluate(Policy(layers), split)


def test_distortion_is_the_relative_error_of_the_logits(data: Dataset) -> None:
    oracle = build(data)
    assert oracle.baseline.distortion == 0
    policy = Policy({name: LayerPolicy("level", 0.4, 4) for name in names(oracle)})
    measured = oracle.evaluate(policy)
    logits = oracle.evaluator.logits().double()
    oracle.evaluator.reset()
    dense = oracle.evaluator.logits().double()
    spread = dense - dense.mean(dim=1, keepdim=True)
    assert measured.distortion == pytest.approx(float((logits - dense).square().sum() / spread.square().sum()))
    milder = oracle.evaluate(Policy({name: LayerPolicy(bits=7) for name in names(oracle)}))
    assert 0 < milder.distortion < measured.distortion


def test_energy_falls_with_bits_and_with_sparsity(oracle: Oracle) -> None:
    def energy(pruner: str, sparsity: float, bits: int) -> float:
        return oracle.evaluate(uniform_policy(names(oracle), LayerPolicy(pruner, sparsity, bits))).energy_pj

    by_bits = [energy("none", 0.0, bits) for bits in range(8, 1, -1)]
    assert by_bits == sorted(by_bits, reverse=True)
    for pruner in ("level", "l1_ranked"):
        by_sparsity = [energy(pruner, sparsity, 8) for sparsity in (0.0, 0.25, 0.5, 0.75)]
        assert by_sparsity == sorted(by_sparsity, reverse=True)
        assert by_sparsity[-1] < by_sparsity[0]


def test_evaluations_are_counted(data: Dataset) -> None:
    oracle = build(data, images=50)
    assert oracle.baseline.accuracy_pct > 90
    assert oracle.evaluations == 0
    oracle.step(0, LayerPolicy())
    oracle.evaluate(Policy({}))
    oracle.evaluate(Policy({}), split=Split.TEST)
    assert oracle.evaluations == 3


def test_the_validation_subset_is_drawn_by_the_seed(data: Dataset) -> None:
    subsets = [build(data, images=40, seed=seed).evaluator.images for seed in (1, 1, 2)]
    assert len(subsets[0]) == 40
    assert bool((subsets[0] == subsets[1]).all())
    assert not bool((subsets[0] == subsets[2]).all())


def test_unknown_names_and_splits_are_said(oracle: Oracle) -> None:
    with pytest.raises(InputError, match="did you mean conv"):
        oracle.evaluate(Policy({"conv9": LayerPolicy()}))
    with pytest.raises(InputError, match="use validation or test"):
        oracle.evaluate(Policy({}), split="training")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="test split"):
        Oracle(oracle.evaluator, oracle.energy_model).evaluate(Policy({}), split=Split.TEST)
    with pytest.raises(InputError, match="--energy: unknown value 'nonsense': known: paper, simulated"):
        MeasurementSpec(energy="nonsense")


def test_simulated_energy_is_that_of_the_pruned_shapes(data: Dataset) -> None:
    oracle = build(data)
    policy = Policy({"conv4": LayerPolicy("l1_ranked", 0.5, 5), "conv5": LayerPolicy("level", 0.25, 8)})
    compression = oracle.compression(policy)
    pricer = LayerPricer("paper")
    expected = 0.0
    for layer in oracle.graph.hwsim_layers(compression.live):
        bits, zeros = (5, 0.0) if layer.name == "conv4" else (8, 0.25 if layer.name == "conv5" else 0.0)
        expected += pricer.price(layer, bits, bits, zero_weight=zeros).energy_pj
    assert oracle.evaluate(policy).energy_pj == pytest.approx(expected, rel=1e-12)


def test_the_papers_coefficients(data: Dataset) -> None:
    """Balaskas et al., IEEE TETC, eq. 4-8, on one layer of each kind of pruning."""
    oracle = build(data, EnergyMode.PAPER)
    pricer = LayerPricer("paper")
    table = pricer.mac_table

    def saved(pruner: str, sparsity: float, bits: int) -> tuple[float, float]:
        policy = Policy({"conv2": LayerPolicy(pruner, sparsity, bits)})
        realised = oracle.compression(policy).layers[1].realised_sparsity
        return oracle.baseline.energy_pj - oracle.evaluate(policy).energy_pj, realised

    cost = pricer.price(oracle.graph.layer("conv2").hwsim_layer(), 8, 8)
    compute_pj = cost.breakdown_pj["mac"]
    memory_pj = cost.energy_pj - compute_pj
    r_q = table.energy_fj[4][4] / table.energy_fj[8][8]
    fine_pj, s = saved("sensitivity", 0.5, 4)
    assert fine_pj == pytest.approx(compute_pj * (1 - table.p_fg * s - (1 - s) * r_q), rel=1e-9)
    coarse_pj, s = saved("l1_ranked", 0.5, 4)
    assert s == 0.5
    assert coarse_pj == pytest.approx(memory_pj * s + compute_pj * (1 - (1 - s) * r_q), rel=1e-9)


def test_a_changed_layer_is_priced_within_a_millisecond(data: Dataset) -> None:
    import time

    oracle = build(data)
    oracle.energy_model.price(oracle.compression(Policy({})))
    times = []
    for step in range(1, 9):
        compression = oracle.compression(Policy({"conv5": LayerPolicy("level", 0.1 * step, 5)}))
        start = time.process_time()
        oracle.energy_model.price(compression)
        times.append(time.process_time() - start)
    assert sorted(times)[len(times) // 2] < 1e-3
