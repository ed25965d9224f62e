"""`hwsim accelerators`: presets, their commented files, and the schema of such files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from rich.table import Table

    from hwsim.hardware.accelerator import AcceleratorSpec


@click.command("accelerators")
@click.option("--show", metavar="NAME", help="Preset whose commented TOML file is printed, to copy and edit.")
@click.option("--schema", is_flag=True, help="JSON schema of accelerator files, printed.")
@json_option
def command(*, show: str | None, schema: bool, json_path: Path | None) -> None:
    """Built-in accelerator tiles."""
    from hwsim.errors import unknown_name
    from hwsim.hardware.accelerator import PRESET_FOLDER, AcceleratorSpec, accelerator, accelerator_names

    if json_path is not None and (schema or show is not None):
        raise click.UsageError("--show and --schema print a file; leave out --json, or both of them")
    if schema:
        click.echo(json.dumps(AcceleratorSpec.model_json_schema(), indent=2))
        return
    if show is not None:
        if show not in accelerator_names():
            raise unknown_name("accelerator", show, accelerator_names())
        click.echo((PRESET_FOLDER / f"{show}.toml").read_text(), nl=False)
        return
    from hwsim.commandline.terminal import terminal
    from hwsim.reports.listings import AcceleratorList

    check_json_path(json_path)
    aside = takes_standard_output(json_path)
    tiles = tuple(accelerator(name) for name in accelerator_names())
    terminal(stderr=aside).print(_table(tiles))
    click.echo(
        "`hwsim accelerators --show NAME > mine.toml` gives a file to edit, `--schema` what it may hold.", err=aside
    )
    deliver_json(json_path, AcceleratorList(accelerators=tiles))


def _table(tiles: tuple[AcceleratorSpec, ...]) -> Table:
    from rich.table import Table

    table = Table("accelerator", "array", "RF a PE", "GLB", "words", "clock", "peak", "DRAM", "costs")
    for tile in tiles:
        spads = (tile.rf_ifmap_words, tile.rf_filter_words, tile.rf_psum_words)
        table.add_row(
            tile.name,
            f"{tile.array_rows} x {tile.array_columns}",
            f"{tile.rf_shared_bytes} B" if tile.rf_shared_bytes else "+".join(str(words) for words in spads) + " words",
            f"{tile.glb_size_bytes / 1024:g} KB",
            f"{tile.word_bits} bit, psums {tile.psum_bits}",
            f"{tile.clock_mhz:g} MHz",
            f"{tile.peak_gmac_per_s:g} GMAC/s",
            f"{tile.dram_bandwidth_gbit_per_s:g} Gbit/s",
            tile.default_costs,
        )
    return table
