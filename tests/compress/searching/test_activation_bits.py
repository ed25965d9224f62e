"""Weights and activations of different widths: measured, priced and written as such."""

from pathlib import Path

import pytest

from compress.oracle.problem import load
from compress.policy import LayerPolicy, Policy, parse_policy, read_policy
from compress.searching.setup import SearchTask, build_task
from compress.searching.spec import SearchSpec
from hwsim.errors import InputError
from hwsim.workload.policy import read_policy as read_for_hwsim


@pytest.fixture(scope="module")
def task() -> SearchTask:
    return build_task(load("digits-cnn"), SearchSpec(model="digits-cnn", data="digits", subset=0.2))


def _all(task: SearchTask, weight_bits: int, activation_bits: int | None) -> Policy:
    layer = LayerPolicy(bits=weight_bits, activation_bits=activation_bits)
    return Policy(dict.fromkeys(task.problem.names, layer))


def test_equal_widths_are_the_same_network(task: SearchTask) -> None:
    joint, parted = _all(task, 4, None), _all(task, 4, 4)
    assert task.oracle.evaluate(joint) == task.oracle.evaluate(parted)
    assert joint.layer("fc").action == parted.layer("fc").action


def test_each_width_has_its_own_price_and_effect(task: SearchTask) -> None:
    energies = {pair: task.oracle.price(_all(task, *pair)).energy_pj for pair in ((8, 8), (4, 8), (8, 4), (4, 4))}
    assert energies[4, 4] < min(energies[4, 8], energies[8, 4])
    assert max(energies[4, 8], energies[8, 4]) < energies[8, 8]
    task.oracle.evaluate(_all(task, 8, 2))
    narrow_inputs = task.oracle.evaluator.logits()
    task.oracle.evaluate(_all(task, 8, 8))
    assert not narrow_inputs.equal(task.oracle.evaluator.logits())


def test_the_width_survives_the_file_and_hwsim_reads_it(task: SearchTask, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    _all(task, 3, 6).write(path)
    assert read_policy(path).layer("fc").input_bits == 6
    assert read_for_hwsim(path)["fc"].activation_bits == 6
    assert "activation_bits" not in Policy({"fc": LayerPolicy(bits=3)}).as_json()["layers"]["fc"]


def test_a_width_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="activation_bits is 9"):
        parse_policy({"layers": {"fc": {"bits": 4, "activation_bits": 9}}})
