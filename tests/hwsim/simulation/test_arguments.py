"""The Python face: a value of the wrong type or size is named by its argument, before anything is simulated."""

from __future__ import annotations

from typing import Any

import pytest

import hwsim
from hwsim.errors import InputError
from hwsim.simulation.simulate import simulate


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bits": 0}, "--bits is 0, must be a whole number from 1 to 8"),
        ({"bits": True}, "--bits is True"),
        ({"bits": "8"}, "--bits is '8'"),
        ({"seed": -1, "engine": "cycle"}, "--seed is -1"),
        ({"seed": 2**63}, "--seed is 9223372036854775808"),
        ({"batch": 10**20}, "--batch is 100000000000000000000, must be a whole number from 1 to 1,000,000"),
        ({"batch": 1.5}, "--batch is 1.5"),
        ({"batch": True}, "--batch is True"),
        ({"layer": 5}, "--layer is 5, must be the name of a layer"),
        ({"costs": ""}, "unknown cost preset ''"),
        ({"costs": ["7nm"]}, r"--costs is \['7nm'\]"),
        ({"mac_table": 5}, "--mac-table is 5"),
        ({"tile": 5}, "unknown accelerator '5'"),
        ({"policy": {"conv1": 1}}, r"policy\['conv1'\] is 1, must be a LayerTreatment"),
        ({"policy": Unprintable()}, "policy is a Unprintable, must be the path of a completed policy.json"),
        ({"mappings": {"conv1": 5}}, r"mappings\['conv1'\] is 5, must be a Mapping"),
        ({"mappings": 5}, "mappings is 5"),
        ({"weights": [1]}, r"weights is \[1\]"),
        ({"network": None}, "network is None, must be the name of a built-in network or the path of a file"),
    ],
)
def test_a_wrong_value_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulate(**{"network": "resnet20-cifar", **settings})


def test_a_network_is_named_or_in_a_file() -> None:
    wrong: Any = 5
    with pytest.raises(InputError, match="network is 5, must be the name"):
        hwsim.network(wrong)


def test_only_runs_are_compared() -> None:
    run = simulate("resnet20-cifar", layer="conv1")
    for wrong, said in (
        (5, "runs is 5, must be a list of runs"),
        ("abc", "runs is 'abc'"),
        (run, r"runs is Run\("),
        (run.result(), "runs is SimulationResult"),
        ([run, 5], r"runs\[1\] is 5, must be a run"),
    ):
        given: Any = wrong
        with pytest.raises(InputError, match=said):
            hwsim.compare(given)
    assert len(hwsim.compare([run, run.result()]).runs) == 2


@pytest.mark.parametrize(("channels", "exact"), [(2**40, True), (2**62, False)])
def test_a_network_beyond_64_bit_counts_is_refused(channels: int, exact: bool) -> None:
    layer = hwsim.ConvLayer("wide", 16, channels, 8, 8, 3, 3)
    if exact:
        assert hwsim.Network("n", (layer,), ((-1,),)).macs == layer.macs
        return
    with pytest.raises(InputError, match="network 'n' is too large to count: layer 'wide'"):
        hwsim.Network("n", (layer,), ((-1,),))


def test_a_tile_has_no_field_self() -> None:
    with pytest.raises(InputError, match="unknown field 'self'"):
        hwsim.accelerator("paper").with_(**{"self": 1})


def test_the_largest_batch_counts_right() -> None:
    one, most = (simulate("resnet20-cifar", batch=batch, layer="conv1") for batch in (1, 1_000_000))
    assert most.macs == 1_000_000 * one.macs
    assert one.cycles < most.cycles <= 1_000_000 * one.cycles
    assert 0 < most.energy_pj <= 1_000_000 * one.energy_pj
