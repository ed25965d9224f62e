"""A finished run read back from its folder: design, netlist and interface, so that it can be verified again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from characterize.mac.interface import MacInterface, Role
from characterize.netlist.netlist import Netlist, read_netlist
from characterize.synthesis.rtl_source import rtl_text
from characterize.synthesis.yosys import Design
from characterize.technology.cell_library import CellLibrary
from characterize.technology.load import load_library
from hwsim.errors import InputError
from hwsim.files.reading import read_json, sha256
from hwsim.files.writing import write_text

RECORD_FILE = "run.json"
NETLIST_FILE = "netlist.v"
CELLS_FILE = "cells.v"
RTL_FOLDER = "rtl"


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """What a run's folder says about its design; `record` is the whole of run.json."""

    folder: Path
    design: Design
    interface: MacInterface
    library: CellLibrary
    netlist: Netlist
    netlist_verilog: str
    record: dict[str, Any]

    @property
    def period_ps(self) -> float:
        """Return the clock period that was characterized."""
        return float(self.record["spec"]["period_ps"])

    @property
    def wire_load_ff(self) -> float:
        """Return the wire capacitance for each pin."""
        return float(self.record["spec"].get("wire_load_ff", 0.0))

    @property
    def own_rtl(self) -> bool:
        """Tell whether the design is a user's own."""
        return bool(self.record["spec"]["rtl"])


def recorded_design(design: Design) -> dict[str, Any]:
    """Return what run.json says about the sources: their names in the folder `rtl`, top module and parameters."""
    return {"files": _names(design), "top": design.top, "parameters": dict(design.parameters)}


def copy_sources(design: Design, folder: Path) -> None:
    """Copy the design's Verilog files into a run's folder."""
    (folder / RTL_FOLDER).mkdir()
    for name, file in zip(_names(design), design.files, strict=True):
        write_text(folder / RTL_FOLDER / name, rtl_text(file))


def _names(design: Design) -> list[str]:
    names = [file.name for file in design.files]
    return names if len(set(names)) == len(names) else [f"{index}_{name}" for index, name in enumerate(names)]


def read_run(folder: Path, liberty: tuple[Path, ...] = ()) -> RecordedRun:
    """Read a run's folder; `liberty` are the files of a full library where the run used one.

    Raises InputError for a folder that `characterize run` did not write, a file that changed since, or a library that
    is not the run's.
    """
    if not (folder / RECORD_FILE).is_file():
        problem = f"holds no {RECORD_FILE}" if folder.is_dir() else "does not exist"
        raise InputError(f"DIR '{folder}' {problem}; name a folder that `characterize run --out` wrote")
    record = read_json(folder / RECORD_FILE, "the record of a `characterize run`")
    try:
        written, interface, hashes = record["design"], _interface(record["interface"]), record["hashes"]
        files = tuple(folder / RTL_FOLDER / name for name in written["files"])
        design = Design(files, written["top"], written["parameters"])
        needed, known = sorted(record["spec"]["liberty"]), hashes["netlist"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"'{folder / RECORD_FILE}' lacks or garbles {error}; write the run again with this version"
        ) from None
    _check_files(folder, files)
    if sorted(path.name for path in liberty) != needed:
        wanted = " ".join(f"--liberty {name}" for name in needed) or "no --liberty"
        raise InputError(f"DIR '{folder}' was characterized with {wanted}; give the same to verify it")
    if sha256(folder / NETLIST_FILE) != known:
        raise InputError(f"'{folder / NETLIST_FILE}' is not the netlist that was characterized (its hash differs)")
    library = load_library(liberty)
    netlist = read_netlist(folder / NETLIST_FILE, library)
    return RecordedRun(folder, design, interface, library, netlist, (folder / NETLIST_FILE).read_text(), record)


def _check_files(folder: Path, files: tuple[Path, ...]) -> None:
    for file in (*files, folder / NETLIST_FILE):
        if not file.is_file():
            raise InputError(f"DIR '{folder}' lacks {file.relative_to(folder)}; write the run again")


def _interface(content: dict[str, Any]) -> MacInterface:
    return MacInterface(**{**content, "ports": {Role(role): name for role, name in content["ports"].items()}})
