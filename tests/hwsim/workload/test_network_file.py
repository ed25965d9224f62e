"""Networks from TOML and JSON: shapes inferred or stated, wrong files in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwsim.errors import InputError
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, FCLayer, PoolLayer
from hwsim.workload.load import network

TINY = """
name = "tiny"
input = [3, 16, 16]
[[layers]]
type = "conv"
name = "a"
out_channels = 8
kernel = 3
padding = 1
[[layers]]
type = "conv"
name = "b"
out_channels = 8
kernel = [1, 3]
padding = [0, 1]
groups = 2
[[layers]]
type = "add"
name = "sum"
inputs = ["a", "b"]
[[layers]]
type = "pool"
name = "pool"
kernel = 2
inputs = ["sum", "b"]
[[layers]]
type = "fc"
name = "out"
out_features = 10
"""


def _write(folder: Path, text: str, name: str = "net.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_shapes_and_producers_follow(tmp_path: Path) -> None:
    net = network(_write(tmp_path, TINY), batch=4)
    assert net.name == "tiny"
    assert net.layers == (
        ConvLayer("a", 3, 8, 16, 16, 3, 3, padding=1, batch=4),
        ConvLayer("b", 8, 8, 16, 16, 1, 3, padding=(0, 1), groups=2, batch=4),
        ElementwiseLayer("sum", 8, 16, 16, batch=4),
        PoolLayer("pool", 16, 16, 16, 2, 2, (2, 2), batch=4),
        FCLayer("out", 16 * 8 * 8, 10, 1, 1, 1, 1, batch=4),
    )
    assert net.inputs == ((-1,), (0,), (0, 1), (2, 1), (3,))


def test_stated_shapes_need_no_input(tmp_path: Path) -> None:
    layer = {"type": "conv", "in_channels": 4, "in_height": 9, "in_width": 7, "kernel_height": 3, "kernel_width": 1}
    layers = [
        {"name": "a", "out_channels": 5, **layer},
        {"name": "b", "out_channels": 6, **layer},
        {"type": "fc", "name": "c", "in_features": 12, "out_features": 3},
    ]
    net = network(_write(tmp_path, json.dumps({"layers": layers}), "listed.json"))
    assert net.name == "listed"
    assert net.layers[1] == ConvLayer("b", 4, 6, 9, 7, 3, 1)
    assert net.inputs == ((-1,), (-1,), (-1,)), "no predecessor makes these shapes"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'type = "conv"',
            'type = "convolution"',
            "layer 'a' has the type 'convolution', must be one of conv, fc, pool",
        ),
        ("kernel = 3\n", "kernal = 3\n", "layer 'a': unknown field 'kernal': did you mean kernel"),
        ("out_features = 10", "", "layer 'out': field 'out_features' is missing"),
        ("kernel = 3\n", "", "layer 'a': field 'kernel' is missing"),
        ("kernel = 3\n", "kernel = 30\n", "layer 'a': a kernel height of 30"),
        ("input = [3, 16, 16]", "input = [3, 16]", "field 'input"),
        ("input = [3, 16, 16]", "input = [3, 0, 16]", "must be channels, height, width above 0"),
        ("input = [3, 16, 16]", "", "field 'input' is missing"),
        ('inputs = ["a", "b"]', 'inputs = ["a", "bb"]', "must stand above"),
        ('inputs = ["a", "b"]', "inputs = []", "layer 'sum' has no inputs"),
        ("groups = 2", "groups = 3", "not a multiple of groups 3"),
        ("[[layers]]", "[[layers", "is not TOML"),
    ],
)
def test_wrong_file_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _write(tmp_path, TINY.replace(old, new, 1))
    with pytest.raises(InputError, match=message.replace("(", r"\(")) as error:
        network(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"), [("[]", "holds list"), ("{}", "field 'layers' is missing"), ("{", "not JSON")]
)
def test_wrong_json(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(_write(tmp_path, text, "net.json"))


def test_missing_file() -> None:
    with pytest.raises(InputError, match=r"cannot read 'nowhere\.toml'"):
        network("nowhere.toml")
