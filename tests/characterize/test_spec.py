"""The specification of a run: one field a setting, the same record in files, options and Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from characterize.cli import main
from characterize.commands.run import run as run_command
from characterize.spec import Accounting, OperandSpec, PortName, RunSpec
from hwsim.errors import InputError
from hwsim.vocabulary import Precision

OWN = {"rtl": ("a/mine.v",), "top": "mine"}


def test_a_record_is_read_back_as_the_same_spec() -> None:
    spec = RunSpec(bits="2-3,8", dataflow="row-stationary", hold_cycles=4, accounting="no-clock", seed=3, jobs=2)
    content = spec.as_json()
    assert content["weight_bits"] == content["activation_bits"] == [2, 3, 8]
    assert content["stream"]["dataflow"] == "row-stationary"
    assert "jobs" not in content  # they change nothing
    assert RunSpec.of(json.loads(json.dumps(content))) == spec.replaced(jobs=None)
    assert RunSpec.of(json.loads(json.dumps(RunSpec(**OWN, ports={"weight": "b"}).as_json()))).ports[0].port == "b"


def test_files_are_recorded_by_name_alone() -> None:
    assert RunSpec(**OWN).as_json()["rtl"] == ["mine.v"]


def test_ports_and_parameters_come_as_text_mapping_or_record() -> None:
    expected = (PortName("weight", "b"), PortName("clk", "ck"))
    for ports in (("weight=b", "clk=ck"), {"weight": "b", "clk": "ck"}, expected):
        assert RunSpec(**OWN, ports=ports).ports == expected
    assert RunSpec(**OWN, ports="weight=b").ports == expected[:1]
    assert RunSpec(**OWN, parameters={"WIDTH": 8}) == RunSpec(**OWN, parameters=["WIDTH=8"])


def test_streams_may_be_given_as_their_own_spec() -> None:
    stream = OperandSpec(hold_cycles=4, chain_depth=2)
    given = {"stream": stream}
    assert RunSpec(**given).stream == stream
    assert RunSpec(**given) == RunSpec(hold_cycles=4, chain_depth=2)


def test_bits_come_as_text_numbers_or_both() -> None:
    assert RunSpec(bits="2-4,8").bits == RunSpec(bits=[2, "3-4", 8]).bits == (2, 3, 4, 8)
    assert RunSpec(bits=8).bits == (8,)


def test_pairs_hold_the_reference() -> None:
    assert RunSpec(bits="4").pairs == (Precision(4, 4), Precision(8, 8))


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        RunSpec().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ci": 0.6}, "--ci 0.6: the relative half-width must be 0.001 to 0.5"),
        ({"period_ps": 40}, "--period-ps 40: must be 50 to 1000000"),
        ({"wire_load_ff": -1}, "--wire-load-ff -1: the capacitance for each pin, fF, must be 0 to 100"),
        ({"seed": -1}, "--seed -1: must be 0 to 9223372036854775807"),
        ({"chain_depth": 5000}, "--chain-depth 5000: must be 1 to 4096"),
        ({"zero_activation_share": -0.1}, "--zero-activations -0.1: must be at least 0 and below 1"),
        ({"jobs": 0}, "--jobs 0: must be 1 to 256"),
        ({"bits": "8-4"}, "--bits '8-4': precisions are 2 to 8, lowest first"),
        ({"bits": ()}, "--bits '': write precisions as 2-8 or 4,8"),
        ({"bits": 7.5}, "--bits '7.5': write precisions as 2-8 or 4,8"),
        ({"ports": 3, **OWN}, "--port is 3"),
        ({"ports": {"weight": "b"}}, "--port describes your own MAC; give it with --rtl and --top"),
        ({"parameters": ["W=1"]}, "--parameter describes your own MAC"),
        ({"parameters": ["W=x"], **OWN}, "--parameter 'W=x': write NAME=INTEGER"),
        ({"multiplier": "array", **OWN}, "--multiplier chooses among the built-in MACs"),
        ({"top": "mine"}, "--rtl and --top go together"),
        ({"weight_bits": [8], "activation_bits": [4]}, "weight_bits and activation_bits differ"),
        ({"dataflow": "weight"}, "--dataflow: unknown value 'weight'"),
        ({"period": 1000}, "unknown setting 'period': did you mean period_ps"),
    ],
)
def test_a_wrong_setting_names_option_value_and_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        RunSpec(**settings)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", ["W", "W=x", "=3", "8W=3", "W=1.5"])
def test_a_malformed_parameter_is_refused(entry: str) -> None:
    with pytest.raises(InputError, match="write NAME=INTEGER"):
        RunSpec(**OWN, parameters=[entry])


def test_every_setting_is_an_option_with_its_help_in_a_section() -> None:
    text = CliRunner().invoke(main, ["run", "--help"], terminal_width=200).output
    options = {name for parameter in run_command.params for name in parameter.opts}
    for name, field in RunSpec.model_fields.items():
        assert RunSpec.option(name) in options
        assert field.description is not None
        assert field.description[0].isupper()
        assert field.description.endswith(".")
    assert [text.index(f"{title}:\n") for title in ("Options", "Design", "Measurement", "Operands")] == sorted(
        text.index(f"{title}:\n") for title in ("Options", "Design", "Measurement", "Operands")
    )
    assert "[default: 1500.0]" in text


def test_a_configuration_file_sets_any_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunSpec] = []

    def remember(spec: RunSpec, **_: object) -> None:
        asked.append(spec)
        raise InputError("far enough")

    monkeypatch.setattr("characterize.runs.characterization.run", remember)
    config = tmp_path / "run.toml"
    config.write_text('bits = "4,8"\nhold-cycles = 4\naccounting = "no-clock"\nseed = 5\n[ports]\nweight = "b"\n')
    options = ["--config", str(config), "--seed", "6", "--rtl", "mine.v", "--top", "mine", "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(main, ["run", "--quiet", *options])
    assert result.output == "error: far enough\n"
    spec = asked[0]
    assert (spec.bits, spec.hold_cycles, spec.seed) == ((4, 8), 4, 6)
    assert spec.accounting is Accounting.NO_CLOCK
    assert spec.ports == (PortName("weight", "b"),)
    config.write_text("sed = 1\n")
    result = CliRunner().invoke(main, ["run", "--config", str(config), "--out", str(tmp_path / "o")])
    assert result.exit_code == 2
    assert "unknown setting 'sed': did you mean seed" in result.output
