"""`hwsim validate`: the engines beside measured silicon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from rich.table import Table

    from hwsim.validation.eyeriss import Compared


@click.group("validate")
def command() -> None:
    """Measured silicon beside the engines."""


@command.command("eyeriss", short_help="Eyeriss chip beside the engines")
@json_option
def eyeriss(json_path: Path | None) -> None:
    """Eyeriss chip beside the engines, on AlexNet and VGG16; exit 0 only where AlexNet is within the targets."""
    from hwsim.commandline.terminal import terminal
    from hwsim.errors import RunError
    from hwsim.hardware.accelerator import accelerator
    from hwsim.validation.eyeriss import ALEXNET_CONV3_RECALLED, Measured, compare, validate_eyeriss
    from hwsim.validation.eyeriss_result import EyerissValidation

    check_json_path(json_path)
    tile = accelerator("eyeriss-v1")
    alexnet, vgg = validate_eyeriss()
    aside = takes_standard_output(json_path)
    console = terminal(stderr=aside)
    console.print(
        _chip_table("AlexNet, batch 4, 16 bit, 200 MHz: the chip (JSSC 2017, Table V) and the cycle engine", alexnet)
    )
    third = alexnet[2].measured
    recalled = compare(
        [Measured(third.layer, ALEXNET_CONV3_RECALLED, third.processing_ms, 156, glb_mb=third.glb_mb)], tile
    )
    click.echo(
        f"CONV3's mapping as recalled (q = 4, r = 1, t = 4) would move {recalled[0].glb_mb:.1f} MB through the GLB and"
        f" take {recalled[0].processing_ms:.1f} ms; the chip's {third.glb_mb} MB are those of CONV4's mapping.",
        err=aside,
    )
    click.echo(
        "GLB: psums between buffer and array and ifmap words into the array. DRAM: activations run-length coded at the"
        " published zero fractions. Total: DRAM at 7.68 Gbit/s, our reading. Power is not modelled: the chip's 65 nm"
        " energies are not published.",
        err=aside,
    )
    console.print(
        _chip_table("VGG16, batch 3: the chip (Table VI, recalled) and the cycle engine; mappings are our reading", vgg)
    )
    console.print(_choice_table(alexnet))
    deliver_json(json_path, EyerissValidation.of(alexnet, vgg))
    outside = [row.measured.layer.name for row in alexnet if not row.within_targets]
    if outside:
        raise RunError(f"outside the targets (latency 5 %, GLB 10 %, active PEs exact): {', '.join(outside)}")
    worst = max(abs(row.processing_error) for row in alexnet)
    click.echo(
        f"AlexNet: all layers within the targets; processing time within {worst:.2%}, active PEs exact.", err=aside
    )


def _chip_table(title: str, rows: list[Compared]) -> Table:
    from rich.table import Table

    table = Table("layer", "m n e p q r t", title=title, title_justify="left")
    heads = ("processing ms", "ours", "error", "total ms", "ours", "PEs", "ours", "GLB MB", "ours", "DRAM MB", "ours")
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        chip, mapping = row.measured, row.measured.mapping
        letters = " ".join(str(getattr(mapping, letter)) for letter in "mnepqrt")
        table.add_row(
            chip.layer.name,
            letters,
            f"{chip.processing_ms}",
            f"{row.processing_ms:.2f}",
            f"{row.processing_error:+.2%}",
            _or_dash(chip.total_ms),
            f"{row.total_ms:.1f}",
            str(chip.active_pes),
            str(row.run.active_pes),
            _or_dash(chip.glb_mb),
            f"{row.glb_mb:.1f}",
            _or_dash(chip.dram_mb),
            _or_dash(row.dram_mb),
        )
    return table


def _choice_table(rows: list[Compared]) -> Table:
    from rich.table import Table

    from hwsim.hardware.accelerator import accelerator
    from hwsim.validation.eyeriss import choices
    from hwsim.vocabulary import Objective

    title = (
        "What the mapper would run instead (memory energy at DRAM 200, GLB 6, inter-PE 2, RF 1, relative to the chip's)"
    )
    table = Table("layer", "objective", "m n e f p q r t", title=title, title_justify="left")
    for head in ("processing ms", "chip's mapping", "memory energy"):
        table.add_column(head, justify="right")
    tile = accelerator("eyeriss-v1")
    for objective in (Objective.LATENCY, Objective.ENERGY):
        for row, choice in zip(rows, choices(rows, tile, objective), strict=True):
            letters = " ".join(str(getattr(choice.mapping, letter)) for letter in "mnefpqrt")
            table.add_row(
                choice.layer.name,
                objective.value,
                letters,
                f"{choice.processing_ms:.2f}",
                f"{row.processing_ms:.2f}",
                f"{choice.memory_energy_ratio:.2f} x",
            )
    return table


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
