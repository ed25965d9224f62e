"""Plots as files: a known format, written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.errors import InputError
from hwsim.files.writing import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = (".png", ".svg", ".pdf")


def check_plot_name(path: Path) -> None:
    """Refuse the name of a plot whose format is not known, before any work is done."""
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"--plot '{path}' must end in .png, .svg or .pdf")


def save_plot(figure: Figure, path: Path) -> None:
    """Write a plot in the format that its name ends in; raises InputError where it cannot be written."""
    check_plot_name(path)
    stream = io.BytesIO()
    figure.savefig(stream, format=path.suffix.lower()[1:])
    write_bytes(path, stream.getvalue())
