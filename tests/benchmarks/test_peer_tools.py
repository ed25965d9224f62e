"""Side by side with other simulators, in the same run; each lives in a Python environment of its own.

python -m venv scale && scale/bin/pip install scalesim==3.0.0 'numpy<2'
TILEJOULE_SCALESIM=scale/bin/python pytest -m slow tests/benchmarks/test_peer_tools.py -s
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from hwsim.engines.cycle_execution import execute
from hwsim.hardware.accelerator import accelerator
from hwsim.workload.layer import ConvLayer

pytestmark = pytest.mark.slow

LAYER = ConvLayer("conv", 256, 128, 14, 14, 3, 3, padding=1)

SCALESIM_RUN = """
import json, resource, sys
from scalesim.scale_sim import scalesim
folder = sys.argv[1]
files = {name: f"{folder}/{name}" for name in ("tile.cfg", "topology.csv", "layout.csv")}
run = scalesim(save_disk_space=True, verbose=False, config=files["tile.cfg"], topology=files["topology.csv"],
               layout=files["layout.csv"])
before = resource.getrusage(resource.RUSAGE_SELF)
run.run_scale(top_path=folder)
after = resource.getrusage(resource.RUSAGE_SELF)
print("MEASURED", json.dumps({"cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                              "peak_mb": after.ru_maxrss / 1024}))
"""

SCALESIM_TILE = """
[general]
run_name = peer
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
[architecture_presets]
ArrayHeight = 64
ArrayWidth = 64
ifmapsramszkB = 12
filtersramszkB = 10
ofmapsramszkB = 10
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 10
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
FilterCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
"""


def interpreter(variable: str) -> str:
    path = os.environ.get(variable)
    if not path or not Path(path).exists():
        pytest.skip(f"needs {variable}, a Python with the other tool installed")
    return path


def best_cpu_s(data: tuple[np.ndarray, np.ndarray]) -> float:
    tile = accelerator("paper")
    execute(LAYER, tile, *data)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        execute(LAYER, tile, *data)
        seconds.append(time.process_time() - start)
    return min(seconds)


def test_exact_execution_is_far_faster_than_scale_sims_traces(tmp_path: Path) -> None:
    """Target: at least 30 times the MAC rate of SCALE-Sim 3.0.0 in cycle mode, which computes no results."""
    python = interpreter("TILEJOULE_SCALESIM")
    size = LAYER.in_height + 2
    (tmp_path / "tile.cfg").write_text(SCALESIM_TILE)
    row = f"conv,{size},{size},3,3,{LAYER.in_channels},{LAYER.out_channels},1,1:1,"
    (tmp_path / "topology.csv").write_text(f"name,ih,iw,fh,fw,c,m,stride,sparsity,\n{row}\n")
    (tmp_path / "layout.csv").write_text("name,\nconv," + "1," * 18 + "\n")
    done = subprocess.run(
        [python, "-c", SCALESIM_RUN, str(tmp_path)], capture_output=True, text=True, timeout=1800, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED")]
    assert lines, done.stderr[-2000:]
    peer = json.loads(lines[0].removeprefix("MEASURED"))
    rng = np.random.default_rng(0)
    shape = (1, LAYER.in_channels, LAYER.in_height, LAYER.in_width)
    ifmap = rng.integers(-128, 128, shape, np.int8)
    ours_s = best_cpu_s((ifmap, rng.integers(-128, 128, (LAYER.out_channels, LAYER.in_channels, 3, 3), np.int8)))
    rates = [LAYER.macs / seconds / 1e6 for seconds in (ours_s, peer["cpu_s"])]
    print(f"ours {rates[0]:.0f} MMAC/s of processor time, SCALE-Sim {rates[1]:.1f} ({peer['peak_mb']:.0f} MB)")
    assert rates[0] > 30 * rates[1]
