"""`hwsim accelerators`: presets, their commented files, and the schema of such files."""

from __future__ import annotations

import json

import click


@click.command("accelerators")
@click.option("--show", metavar="NAME", help="Print the commented TOML file of a preset, to copy and edit.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of accelerator files.")
def command(show: str | None, schema: bool) -> None:
    """List the built-in accelerator tiles."""
    from hwsim.errors import unknown_name
    from hwsim.hardware.accelerator import PRESET_FOLDER, AcceleratorSpec, accelerator, accelerator_names

    if schema:
        click.echo(json.dumps(AcceleratorSpec.model_json_schema(), indent=2))
        return
    if show is not None:
        if show not in accelerator_names():
            raise unknown_name("accelerator", show, accelerator_names())
        click.echo((PRESET_FOLDER / f"{show}.toml").read_text(), nl=False)
        return
    from rich.table import Table

    from hwsim.commandline.terminal import terminal

    table = Table("accelerator", "array", "RF a PE", "GLB", "words", "clock", "peak", "DRAM", "costs")
    for name in accelerator_names():
        tile = accelerator(name)
        spads = (tile.rf_ifmap_words, tile.rf_filter_words, tile.rf_psum_words)
        table.add_row(
            name,
            f"{tile.array_rows} x {tile.array_columns}",
            f"{tile.rf_shared_bytes} B" if tile.rf_shared_bytes else "+".join(str(words) for words in spads) + " words",
            f"{tile.glb_size_bytes / 1024:g} KB",
            f"{tile.word_bits} bit, psums {tile.psum_bits}",
            f"{tile.clock_mhz:g} MHz",
            f"{tile.peak_gmac_per_s:g} GMAC/s",
            f"{tile.dram_bandwidth_gbit_per_s:g} Gbit/s",
            tile.default_costs,
        )
    terminal().print(table)
    click.echo("`hwsim accelerators --show NAME > mine.toml` gives a file to edit, `--schema` what it may hold.")
