"""Building a bench once (and keeping the build for later runs), and running it on vectors."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from characterize.bench.harness import DesignUnderTest, driven_roles, harness_verilog
from characterize.bench.job import JOB_VARIABLE, BenchJob, BenchResult, read_result
from characterize.bench.simulators import HdlSimulator, Toolchain
from characterize.mac.integer_model import MacBehaviour
from characterize.mac.vectors import Vectors
from hwsim.errors import RunError

KEPT_BUILDS = 24
"""Builds that the cache holds; the ones not used for longest go first."""

VERILATOR_OPTIONS = (
    "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include",
    "--output-split", "0",
    "-Wno-fatal", "-Wno-lint", "-Wno-style",
    "--x-initial", "unique", "--x-assign", "unique",
)  # fmt: skip
"""The precompiled header is included by name, as the wheel's compiler option expects; registers start as noise."""


@dataclass(frozen=True)
class Bench:
    """A bench that is built and can run: where it lies, for which simulator, and what it observes."""

    folder: Path
    toolchain: Toolchain
    behaviour: MacBehaviour
    designs: tuple[DesignUnderTest, ...]
    waves: bool


def build_bench(
    toolchain: Toolchain,
    behaviour: MacBehaviour,
    designs: tuple[DesignUnderTest, ...],
    sources: Mapping[str, str],
    waves: bool = False,
) -> Bench:
    """Compile the designs (file name to Verilog text) under a common top, or take the same build from the cache.

    Raises RunError with the simulator's first complaint where it does not compile.
    """
    texts = {"characterize_bench.v": harness_verilog(behaviour, designs), **sources}
    options = VERILATOR_OPTIONS if toolchain.simulator is HdlSimulator.VERILATOR else ()
    key = hashlib.sha256(json.dumps([toolchain.version, options, waves, texts]).encode()).hexdigest()[:32]
    cache = _cache_folder()
    folder = cache / key
    if (folder / "complete").exists():
        os.utime(folder)
    else:
        _build_into(folder, toolchain, texts, options, waves)
        _forget_old_builds(cache)
    return Bench(folder, toolchain, behaviour, designs, waves)


def run_bench(
    bench: Bench, vectors: Vectors, folder: Path, period_fs: int = 2_000_000, compare: bool = True
) -> BenchResult:
    """Drive vectors through a bench; `folder` receives log, result and (bench built with waves) `dump.vcd`.

    A design that differs from the model is part of the result. Raises RunError where the simulation itself fails.
    """
    job = BenchJob(
        behaviour=bench.behaviour,
        vectors_file=str(folder / "vectors.npz"),
        result_file=str(folder / "result.json"),
        designs=tuple(design.label for design in bench.designs),
        driven=driven_roles(bench.designs),
        period_fs=period_fs,
        compare=compare,
    )
    vectors.save(folder / "vectors.npz")
    job.write(folder / "job.json")
    order = {"action": "test", "test_folder": str(folder), "waves": bench.waves}
    environment = {JOB_VARIABLE: str(folder / "job.json")}
    if bench.waves and bench.toolchain.simulator is HdlSimulator.ICARUS:
        # the runner asks for FST; the last option wins
        environment["SIM_CMD_SUFFIX"] = f"-vcd +dumpfile_path={folder / 'dump.vcd'}"
    _carry_out(bench.toolchain, bench.folder, order, folder / "order.json", environment)
    result = folder / "result.json"
    if not result.exists():
        raise RunError(f"the {bench.toolchain.simulator.value} bench stopped early: {_complaint(folder / 'test.log')}")
    return read_result(result)


def _build_into(
    folder: Path, toolchain: Toolchain, texts: Mapping[str, str], options: tuple[str, ...], waves: bool
) -> None:
    stage = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:8]}."))
    try:
        for name, text in texts.items():
            (stage / name).write_text(text)
        order = {
            "action": "build",
            "sources": [str(stage / name) for name in texts],
            "build_args": list(options),
            "waves": waves,
        }
        status = _carry_out(toolchain, stage, order, stage / "order.json", {})
        if status != 0:
            raise RunError(f"{toolchain.simulator.value} does not compile the bench: {_complaint(stage / 'build.log')}")
        (stage / "complete").touch()
        if not folder.exists():  # another process may have been faster
            stage.rename(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _carry_out(
    toolchain: Toolchain, folder: Path, order: dict[str, object], order_file: Path, extra: Mapping[str, str]
) -> int:
    """Run one order of the bench's own process (see __main__) and return its exit code."""
    order_file.write_text(json.dumps({"simulator": toolchain.simulator.value, "folder": str(folder), **order}))
    environment = {**toolchain.environ(), **extra}
    package_root = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, environment.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "characterize.bench", str(order_file)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def _complaint(log: Path) -> str:
    """Return the first line of a log that tells of an error, or where the log would have been."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    told = [line.strip() for line in lines if "rror" in line and "INFO" not in line]
    return (told or lines[-1:] or [f"no output in {log.name}"])[0].strip()


def _cache_folder() -> Path:
    """Return the folder of kept builds: the user's cache, or a temporary one where that cannot be written."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "tilejoule" / "benches"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        fallback = Path(tempfile.gettempdir()) / f"tilejoule-benches-{os.getuid()}"
        fallback.mkdir(mode=0o700, parents=True, exist_ok=True)
        return fallback


def _forget_old_builds(cache: Path) -> None:
    builds = sorted(
        (path for path in cache.iterdir() if (path / "complete").exists()), key=lambda path: path.stat().st_mtime
    )
    for folder in builds[:-KEPT_BUILDS]:
        shutil.rmtree(folder, ignore_errors=True)
