"""`compress reward`: the reward table as a CSV to edit, or as the paper's Fig. 5."""

from __future__ import annotations

from pathlib import Path

import click

from hwsim.errors import InputError


@click.command()
@click.option("--reward", "source", type=click.Path(path_type=Path), help="A reward CSV (default: the shipped table).")
@click.option("--max-loss", type=float, default=2.0, help="The accuracy budget the formula is made for (default 2).")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write the table here.")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="Draw the table here (png, svg or pdf).")
def reward(source: Path | None, max_loss: float, csv_file: Path | None, plot_file: Path | None) -> None:
    """Write or plot the reward over accuracy loss and energy gain."""
    from compress.reports.plot_files import check_plot_name
    from compress.searching.reward import load_reward
    from hwsim.files.writing import check_outputs, write_text

    if not 0.0 < max_loss <= 100.0:
        raise InputError(f"--max-loss is {max_loss:g}, must be points of accuracy above 0 and at most 100")
    check_outputs({"--csv": csv_file, "--plot": plot_file})
    if plot_file is not None:
        check_plot_name(plot_file)
    if csv_file is None and plot_file is None:
        raise InputError("nothing to do; name --csv FILE, --plot FILE or both")
    table = load_reward(source, max_loss)
    if csv_file is not None:
        write_text(csv_file, table.as_csv())
    if plot_file is not None:
        from compress.reports.reward_plot import plot_reward

        plot_reward(table, plot_file)
