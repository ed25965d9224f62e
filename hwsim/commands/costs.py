"""`hwsim costs`: memory-cost presets with their sources, and the calibration of one against a published saving."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from hwsim.energy.mac_table import MacEnergyTable
    from hwsim.pricing.fit_memory_scale import Calibration


@click.command("costs")
@click.option("--show", metavar="NAME", help="Preset whose TOML file is printed, to copy and edit.")
@click.option("--calibrate", is_flag=True, help="Factor on the memory costs that a published saving implies, found.")
@click.option("--accelerator", default="paper", show_default=True, metavar="NAME|FILE", help="Tile to calibrate on.")
@click.option("--network", default="resnet18-cifar", show_default=True, help="Network to calibrate on.")
@click.option("--base", default="7nm", show_default=True, metavar="NAME|FILE", help="Preset to scale.")
@click.option("--bits", default=5, show_default=True, help="Uniform precision that saves.")
@click.option("--saving", default=0.29, show_default=True, help="Share of the total energy that it saves.")
@click.option("--mac-table", type=click.Path(path_type=Path), help="mac_energy.json; the shipped one by default.")
@click.option("--out", type=click.Path(path_type=Path), help="TOML file for the calibrated preset.")
@json_option
def command(
    *,
    show: str | None,
    calibrate: bool,
    accelerator: str,
    network: str,
    base: str,
    bits: int,
    saving: float,
    mac_table: Path | None,
    out: Path | None,
    json_path: Path | None,
) -> None:
    """Built-in presets of memory costs, and the calibration of one."""
    from hwsim.energy.cost_preset import PRESETS, known_costs
    from hwsim.errors import InputError, unknown_name

    if show is not None:
        if json_path is not None:
            raise InputError("--show prints a file; leave out --json, which lists all presets")
        if show not in known_costs():
            raise unknown_name("cost preset", show, known_costs())
        click.echo((PRESETS / f"{show}.toml").read_text(), nl=False)
        return
    check_json_path(json_path, {"--out": out})
    if out is not None and not calibrate:
        raise InputError(f"--out '{out}' is for the calibrated preset; add --calibrate")
    if not calibrate:
        _list(json_path)
        return
    if not 0 < saving < 1:
        raise InputError(f"--saving is {saving}, must be a fraction between 0 and 1")
    from hwsim.energy.mac_table import load_mac_table
    from hwsim.pricing.fit_memory_scale import calibrate as find

    table = load_mac_table(mac_table)
    found = find(accelerator, table, base, net=network, bits=bits, saving=saving)
    _print_calibration(found, table, out, aside=takes_standard_output(json_path))
    deliver_json(json_path, found.as_json())


def _list(json_path: Path | None) -> None:
    from rich.table import Table

    from hwsim.commandline.terminal import terminal
    from hwsim.energy.cost_preset import CostUnit, known_costs, load_costs
    from hwsim.reports.listings import CostsList

    aside = takes_standard_output(json_path)
    presets = tuple(load_costs(name) for name in known_costs())
    table = Table("preset", "unit", "DRAM", "GLB", "NoC", "RF", "scale")
    for preset in presets:
        sizes = preset.glb_by_kilobyte
        glb = f"{preset.glb:g}" if preset.glb else ", ".join(f"{cost:.4g} ({size} KB)" for size, cost in sizes.items())
        unit = "pJ a bit" if preset.unit is CostUnit.PJ_PER_BIT else "MACs a word"
        figures = (f"{preset.dram:.4g}", glb, f"{preset.noc:.4g}", f"{preset.rf:.4g}", f"{preset.memory_scale:.4g}")
        table.add_row(preset.name, unit, *figures)
    terminal(stderr=aside).print(table)
    for preset in presets:
        click.echo(f"{preset.name}: {preset.description}", err=aside)
        for level, source in preset.sources.items():
            click.echo(f"  {level:4}  {source}", err=aside)
        if preset.calibration:
            click.echo(f"  scale {preset.calibration['target']}; {preset.calibration['command']}", err=aside)
    click.echo("`hwsim costs --show NAME > mine.toml` gives a file to edit; pass it as --costs.", err=aside)
    deliver_json(json_path, CostsList(costs=presets))


def _print_calibration(found: Calibration, table: MacEnergyTable, out: Path | None, *, aside: bool) -> None:
    from hwsim.files.writing import write_text
    from hwsim.pricing.fit_memory_scale import calibrated_preset

    total = found.mac_pj + found.leakage_pj + found.factor * found.memory_pj
    click.echo(
        f"{found.network} on {found.accelerator}, {found.base} memories:"
        f" MACs {found.mac_pj / 1e6:.1f} uJ at full width"
        f" ({found.accounting} accounting),"
        f" {found.quantized_mac_pj / 1e6:.1f} uJ at {found.bits}/{found.bits} bit (ratio {found.mac_ratio:.4f}),"
        f" words {found.memory_pj / 1e6:.1f} uJ, leakage {found.leakage_pj / 1e6:.1f} uJ",
        err=aside,
    )
    click.echo(
        f"memory scale {found.factor:.8g} makes uniform {found.bits}-bit operands save {found.saving:.1%};"
        f" MACs are then {found.mac_pj / total:.1%} of the total",
        err=aside,
    )
    if out is not None:
        write_text(out, calibrated_preset(found, out.stem, table).as_toml())
        click.echo(f"wrote {out}", err=aside)
