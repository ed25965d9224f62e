"""A network by name or from a file."""

from __future__ import annotations

from pathlib import Path

from hwsim.errors import InputError, check_kind, check_whole, unknown_name
from hwsim.files.paths import exists
from hwsim.workload.builtin import build, known_networks
from hwsim.workload.network import Network

MOST_IMAGES = 1_000_000
"""In a batch: counts of words and cycles are 64-bit numbers."""


def network(name_or_path: str | Path, batch: int = 1) -> Network:
    """Return a built-in network by name, or one read from an ONNX, TOML or JSON file.

    Raises InputError for an unknown name (with the nearest ones), an unreadable file or an unsupported layer.
    """
    check_whole("--batch", batch, 1, MOST_IMAGES)
    check_kind("network", name_or_path, (str, Path), "the name of a built-in network or the path of a file")
    if str(name_or_path) in known_networks():
        return build(str(name_or_path), batch)
    path = Path(name_or_path)
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        from hwsim.workload.onnx_file import read_onnx

        return read_onnx(path, batch)
    if suffix in {".toml", ".json"}:
        from hwsim.workload.network_file import read_network

        return read_network(path, batch)
    if exists(path) or "/" in str(name_or_path):
        raise InputError(
            f"network '{path}' is neither built in nor an .onnx, .toml or .json file; see `hwsim networks`"
        )
    raise unknown_name("network", str(name_or_path), known_networks())
