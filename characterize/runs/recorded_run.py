"""A finished run read back from its folder: design, netlist and interface, so that it can be verified again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from characterize.bench.verification import MacUnit
from characterize.netlist.netlist import Netlist, read_netlist
from characterize.runs.record import RECORD_FILE, RunRecord
from characterize.synthesis.rtl_source import rtl_text
from characterize.synthesis.yosys import Design
from characterize.technology.cell_library import CellLibrary
from characterize.technology.load import load_library
from hwsim.errors import InputError
from hwsim.files.reading import sha256
from hwsim.files.writing import write_text

NETLIST_FILE = "netlist.v"
CELLS_FILE = "cells.v"
RTL_FOLDER = "rtl"


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """What a run's folder says about its design; `record` is the whole of run.json."""

    folder: Path
    record: RunRecord
    design: Design
    library: CellLibrary
    netlist: Netlist

    @property
    def unit(self) -> MacUnit:
        """Return RTL and netlist as the bench drives them; a user's own MAC may saturate."""
        verilog = (self.folder / NETLIST_FILE).read_text()
        return MacUnit(self.design, self.record.interface, self.netlist, verilog, wraps=not self.record.spec.rtl)


def copy_sources(design: Design, folder: Path) -> None:
    """Copy the design's Verilog files into a run's folder."""
    (folder / RTL_FOLDER).mkdir()
    for name, file in zip(design.recorded_names, design.files, strict=True):
        write_text(folder / RTL_FOLDER / name, rtl_text(file))


def read_run(folder: Path, liberty: tuple[Path, ...] = ()) -> RecordedRun:
    """Read a run's folder; `liberty` are the files of a full library where the run used one.

    Raises InputError for a folder that `characterize run` did not write, a file that changed since, or a library that
    is not the run's.
    """
    if not (folder / RECORD_FILE).is_file():
        problem = f"holds no {RECORD_FILE}" if folder.is_dir() else "does not exist"
        raise InputError(f"DIR '{folder}' {problem}; name a folder that `characterize run --out` wrote")
    record = RunRecord.read(folder / RECORD_FILE)
    files = tuple(folder / RTL_FOLDER / name for name in record.design.files)
    for file in (*files, folder / NETLIST_FILE):
        if not file.is_file():
            raise InputError(f"DIR '{folder}' lacks {file.relative_to(folder)}; write the run again")
    needed = sorted(path.name for path in record.spec.liberty)
    if sorted(path.name for path in liberty) != needed:
        wanted = " ".join(f"--liberty {name}" for name in needed) or "no --liberty"
        raise InputError(f"DIR '{folder}' was characterized with {wanted}; give the same to verify it")
    if sha256(folder / NETLIST_FILE) != record.hashes.netlist:
        raise InputError(f"'{folder / NETLIST_FILE}' is not the netlist that was characterized (its hash differs)")
    library = load_library(liberty)
    design = Design(files, record.design.top, record.design.parameters)
    return RecordedRun(folder, record, design, library, read_netlist(folder / NETLIST_FILE, library))
