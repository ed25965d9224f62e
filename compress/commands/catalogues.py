"""`compress methods|models|pruners`: what is built in or installed."""

from __future__ import annotations

from pathlib import Path

import click

from hwsim.commandline.json_output import json_option


@click.command()
@json_option
def methods(json_path: Path | None) -> None:
    """List the search methods: built in, and installed by the entry points `tilejoule.methods`."""
    from compress.methods.registry import known_methods, method_entry

    entries = [method_entry(name) for name in known_methods()]
    rows: list[dict[str, object]] = [
        {
            "name": entry.name,
            "summary": entry.summary,
            "options": [entry.options.option(name) for name in entry.options.model_fields],
            "trains_weights": entry.trains_weights,
        }
        for entry in entries
    ]
    _show("methods", rows, json_path)


@click.command()
@json_option
def models(json_path: Path | None) -> None:
    """List the built-in networks with the input and the classes of their published weights."""
    from compress.models.load import SHIPPED
    from compress.models.registry import MODELS

    rows: list[dict[str, object]] = [
        {
            "name": entry.name,
            "input_shape": list(entry.input_shape),
            "classes": entry.classes,
            "weights": "shipped" if entry.name in SHIPPED else "give --weights",
        }
        for entry in MODELS.values()
    ]
    _show("models", rows, json_path)


@click.command()
@json_option
def pruners(json_path: Path | None) -> None:
    """List the pruners: built in, and installed by the entry points `tilejoule.pruners`."""
    from compress.pruning import PRUNERS, SEARCH_PRUNERS
    from compress.pruning.plugins import known_pruners, use_pruners

    rows: list[dict[str, object]] = []
    for name in use_pruners(known_pruners()):
        pruner = PRUNERS[name]
        summary = (pruner.__doc__ or "").strip().splitlines()
        rows.append(
            {
                "name": name,
                "removes": pruner.removes.value,
                "in_search": name in SEARCH_PRUNERS,
                "summary": summary[0] if summary else "",
            }
        )
    _show("pruners", rows, json_path)


def _show(kind: str, rows: list[dict[str, object]], json_path: Path | None) -> None:
    from rich.table import Table

    from hwsim.commandline.json_output import check_json_path, deliver_json, takes_standard_output
    from hwsim.commandline.terminal import terminal

    check_json_path(json_path)
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    terminal(stderr=takes_standard_output(json_path)).print(table)
    deliver_json(json_path, {"schema": 1, kind: rows})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
