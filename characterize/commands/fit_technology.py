"""`characterize fit-technology`: the compact table from a full library."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--liberty",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="File of the full library: .lib or .lib.gz (repeatable).",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON file to write.")
def fit_technology(liberty: tuple[Path, ...], out: Path) -> None:
    """Fit the compact technology table from Liberty files: bilinear figures, with the error that they make."""
    from characterize.technology.compact_fit import compact_json, fit_library, fit_region
    from characterize.technology.liberty_reader import read_liberty
    from hwsim.errors import InputError
    from hwsim.files.writing import write_text

    if not out.absolute().parent.is_dir():
        raise InputError(f"--out '{out}': its folder does not exist; create it first")
    library = read_liberty(liberty)
    region = fit_region(library)
    fitted = fit_library(library, region)
    write_text(out, compact_json(fitted, region))
    for figure in ("delay", "slew", "energy"):
        rms, worst = (fitted.fit_error[f"{figure}_{kind}_rel"] for kind in ("rms", "worst_cell"))
        click.echo(f"{figure:7s} error: {100 * rms:5.2f} % RMS, {100 * worst:5.2f} % in the worst cell")
    click.echo(f"{out}: {len(fitted.cells)} cells from {fitted.source}")
