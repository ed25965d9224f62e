"""The mapper beside ZigZag 3.9.1 (KU Leuven), in the same run; ZigZag lives in a Python environment of its own.

python -m venv zigzag && zigzag/bin/pip install zigzag-dse==3.9.1
TILEJOULE_ZIGZAG=zigzag/bin/python pytest -m slow tests/benchmarks/test_zigzag_mapper.py -s

Same layers (four of VGG16's), same tile: 12 x 14 PEs, spads of 12 ifmap, 224 filter and 24 psum words, a buffer of
108 KB for all operands, 16 bits everywhere; a word costs 200, 6, 2 and 1 in DRAM, buffer, network and spads (ISCA 2016,
Table IV). ZigZag has no network: a word that enters an ifmap or filter spad costs it 1 + 2. It searches for energy with
its default limit of loops (LOMA, 6), with the array's unrolling generated (up to three), given as row-stationary (OX |
FY, K) and as K | C; the best of the three counts as its energy, the time of that one alone as its time. Its words are
then priced under our counts: DRAM and buffer as it counts them; the network carries what enters the spads and the psums
that leave and enter them; the spads take an ifmap read, a filter read, a psum read and write a MAC, and what enters.

What differs: ZigZag may choose any order and unrolling and may spill psums to DRAM, our space is row-stationary; its
buffer moves no padding, ours moves it like data; its adder tree is free, our psums pay each hop; it may round
unrollings to fractions. All four are to its advantage.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hwsim.energy.memory_costs import MemoryCosts
from hwsim.engines.analytic import analyze
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator, accelerator_from_fields
from hwsim.mapping.mapper import best_mappings, clear_memory
from hwsim.workload.layer import ConvLayer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WORD_BITS = 16
WORD_COST = {"dram": 200, "glb": 6, "noc": 2, "rf": 1}
COSTS = MemoryCosts(*(cost / WORD_BITS for cost in WORD_COST.values()))
UNROLLINGS = (None, {"D1": ["OX, 14"], "D2": ["FY, 3", "K, 4"]}, {"D1": ["K, 14"], "D2": ["C, 12"]})
LAYERS = [
    ConvLayer("conv2_2", 128, 128, 112, 112, 3, 3, padding=1),
    ConvLayer("conv3_2", 256, 256, 56, 56, 3, 3, padding=1),
    ConvLayer("conv4_2", 512, 512, 28, 28, 3, 3, padding=1),
    ConvLayer("conv5_1", 512, 512, 14, 14, 3, 3, padding=1),
]

ZIGZAG_RUN = """
import json, logging, sys, time
import yaml
from zigzag.api import get_hardware_performance_zigzag

folder, task = sys.argv[1], json.load(open(sys.argv[1] + "/task.json"))
word, cost, both, every = task["word_bits"], task["cost"], ["D1", "D2"], ["I1", "I2", "O"]
files = {name: f"{folder}/{name}.yaml" for name in ("workload", "tile", "mapping")}

def memory(bits, read, write, operands, served):
    # ports one word wide: an access is a word
    ways = {"I1": ("fh", "tl"), "I2": ("fh", "tl"), "O": ("fh", "tl", "fl", "th")}
    port = {"name": "rw_port_1", "type": "read_write", "bandwidth_min": word, "bandwidth_max": word,
            "allocation": [f"{operand}, {way}" for operand in operands for way in ways[operand]]}
    return {"size": bits, "r_cost": read, "w_cost": write, "area": 0, "latency": 1, "operands": operands,
            "ports": [port], "served_dimensions": served}

def write(name, content):
    yaml.safe_dump(content, open(files[name], "w"), sort_keys=False)

ifmap, filters, psum = (count * word for count in task["spad_words"])
enter = cost["rf"] + cost["noc"]
write("tile", {"name": "tile", "memories": {
    "spad_ifmap": memory(ifmap, cost["rf"], enter, ["I1"], []),
    "spad_filter": memory(filters, cost["rf"], enter, ["I2"], []),
    "spad_psum": memory(psum, cost["rf"], cost["rf"], ["O"], []),
    "glb": memory(task["glb_bits"], cost["glb"], cost["glb"], every, both),
    "dram": memory(10**11, cost["dram"], cost["dram"], every, both)},
    "operational_array": {"unit_energy": 0, "unit_area": 1, "dimensions": both, "sizes": task["array"]}})
logging.disable(logging.CRITICAL)
for layer in task["layers"]:
    write("workload", [{"id": 0, "name": layer["name"], "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": ["ix=1*ox+1*fx", "iy=1*oy+1*fy"],
        "loop_dims": list(layer["loops"]), "loop_sizes": list(layer["loops"].values()),
        "operand_precision": {"I": word, "W": word, "O": word, "O_final": word}, "operand_source": {"I": 0, "W": 0},
        "pr_loop_dims": ["IX", "IY"], "pr_loop_sizes": layer["plane"], "padding": [[1, 1], [1, 1]]}])
    for unrolling in task["unrollings"]:
        mapping = {"name": "default", "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}}
        write("mapping", [mapping | ({"spatial_mapping": unrolling} if unrolling else {})])
        start = time.process_time()
        _, _, found = get_hardware_performance_zigzag(files["workload"], files["tile"], files["mapping"], opt="energy",
            dump_folder=f"{folder}/out", loma_show_progress_bar=False)
        cpu_s = time.process_time() - start
        words = {str(operand): [{str(way): accesses.get(way) for way in accesses.data} for accesses in levels]
                 for operand, levels in found[0][1][0][0].memory_word_access.items()}
        print("MEASURED", json.dumps({"layer": layer["name"], "cpu_s": cpu_s, "words": words}), flush=True)
"""


def tile() -> AcceleratorSpec:
    fields = accelerator("eyeriss-v1").model_dump(exclude_none=True)
    plain = {"glb_filter_bytes": 0, "psum_preload": False, "dram_run_length_coded": False, "zero_gating": False}
    return accelerator_from_fields({**fields, **plain, "name": "chip with one buffer"})


def loops(layer: ConvLayer) -> dict[str, Any]:
    sizes = {"K": layer.out_channels, "C": layer.in_channels, "OX": layer.out_width, "OY": layer.out_height}
    plane = [layer.in_width, layer.in_height]
    return {"name": layer.name, "loops": {"B": 1, "G": 1, **sizes, "FX": 3, "FY": 3}, "plane": plane}


def run_zigzag(python: str, folder: Path) -> list[dict[str, Any]]:
    spec = tile()
    task = {
        "word_bits": WORD_BITS,
        "cost": WORD_COST,
        "spad_words": [spec.rf_ifmap_words, spec.rf_filter_words, spec.rf_psum_words],
        "glb_bits": spec.glb_size_bytes * 8,
        "array": [spec.array_columns, spec.array_rows],
        "unrollings": UNROLLINGS,
        "layers": [loops(layer) for layer in LAYERS],
    }
    (folder / "task.json").write_text(json.dumps(task))
    done = subprocess.run([python, "-c", ZIGZAG_RUN, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED")]
    return [json.loads(line.removeprefix("MEASURED")) for line in lines]


def priced(words: dict[str, list[dict[str, int]]], macs: int) -> int:
    """Return the energy of ZigZag's words under our counts, in the units of WORD_COST."""
    dram, glb = (sum(sum(levels[level].values()) for levels in words.values()) for level in (-1, 1))
    fills = words["I"][0]["wr_in_by_high"] + words["W"][0]["wr_in_by_high"]
    psums = words["O"][0]["rd_out_to_high"] + words["O"][0]["wr_in_by_high"]
    spads = 4 * macs + fills
    moved = {"dram": dram, "glb": glb, "noc": fills + psums, "rf": spads}
    return sum(WORD_COST[level] * count for level, count in moved.items())


def test_mapper_is_far_faster_than_zigzag_at_less_energy(tmp_path: Path) -> None:
    """Target: at least 20 times faster than ZigZag 3.9.1 at an energy no higher under our counts, layer by layer."""
    python = os.environ.get("TILEJOULE_ZIGZAG")
    if not python or not Path(python).exists():
        pytest.skip("needs TILEJOULE_ZIGZAG, a Python with zigzag-dse 3.9.1 installed")
    measured = run_zigzag(python, tmp_path)
    assert len(measured) == len(LAYERS) * len(UNROLLINGS)
    best_mappings(LAYERS, tile(), COSTS)
    clear_memory()
    start = time.process_time()
    mappings = best_mappings(LAYERS, tile(), COSTS)
    ours_s = time.process_time() - start
    theirs_s = 0.0
    for layer, mapping in zip(LAYERS, mappings, strict=True):
        runs = [run for run in measured if run["layer"] == layer.name]
        energies = [priced(run["words"], layer.macs) for run in runs]
        theirs = min(energies)
        theirs_s += runs[energies.index(theirs)]["cpu_s"]
        words = analyze(layer, tile(), mapping).accesses
        ours = sum(words.energy(COSTS, WORD_BITS, WORD_BITS))
        print(f"{layer.name}: ours {ours / layer.macs:.2f} a MAC, ZigZag {theirs / layer.macs:.2f}")
        assert ours <= theirs
    print(f"four layers: ours {ours_s * 1000:.1f} ms of processor time, ZigZag {theirs_s:.1f} s")
    assert theirs_s > 20 * ours_s
