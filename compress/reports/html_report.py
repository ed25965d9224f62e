"""report.html: a finished search on one page that needs nothing else, neither files nor a network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from compress.policy import Policy
from compress.reports.svg_charts import Axis, Series, axis_over, bar_chart, xy_chart
from compress.searching.problem import Candidate
from compress.searching.result_files import Result, read_episodes
from compress.searching.search_result import SearchResult, read_search
from compress.vocabulary import Metric
from hwsim.errors import InputError, RunError
from hwsim.files.writing import write_text

REPORT_FILE = "report.html"
_SHOWN_LOSS_PCT = 15.0


def build_report(folder: Path) -> str:
    """Return the page of a finished search; raises InputError where the folder holds none."""
    found = read_search(folder)
    result, best = found.result, found.best
    pages = Environment(loader=PackageLoader("compress.reports", "."), autoescape=True)
    return pages.get_template("report.html.jinja").render(
        title=f"{result.method} on {result.model}, {result.data}",
        result=result,
        best=best,
        front=Markup(_front_chart(found)),
        chosen=policy_text("the chosen policy", best.policy),
        energy=Markup(_energy_chart(result)),
        layers=best.policy.layers,
        curve=Markup(_curve(read_episodes(folder))),
        facts=_facts(result),
    )


def write_report(folder: Path) -> Path:
    """Write the page of a finished search into its folder and return its path; raises InputError where it is damaged.

    Raises RunError where the folder cannot be written (any more).
    """
    path, page = folder / REPORT_FILE, build_report(folder)
    try:
        write_text(path, page)
    except InputError as error:
        raise RunError(f"{error}; then write the report with `compress report {folder}`") from None
    return path


def policy_text(title: str, policy: Policy) -> str:
    """Return a policy as aligned lines of text."""
    width = max((len(name) for name in policy.layers), default=0)
    lines = [
        f"{name:<{width}}  {layer.pruner:<17} {layer.sparsity:.2f}  {layer.bits} bits"
        for name, layer in policy.layers.items()
    ]
    return "\n".join([title, *lines])


def _front_chart(found: SearchResult) -> str:
    result = found.result
    most = max(_SHOWN_LOSS_PCT, 2 * result.max_loss_pct)
    shown = [candidate for candidate in found.front if candidate.loss_pct <= most]
    marks = [policy_text(_figures_text(candidate), found.policy(candidate)) for candidate in shown]
    loss, gain = [candidate.loss_pct for candidate in shown], [candidate.gain_pct for candidate in shown]
    chosen = result.validation
    series = [
        Series("non-dominated policies", loss, gain, marks=marks),
        Series("chosen (validation)", [chosen.accuracy_loss_pct], [chosen.gain_pct], radius=6.0),
    ]
    if result.metric is Metric.ENERGY:
        best = result.best
        series.append(Series("chosen (test)", [best.accuracy_loss_pct], [best.energy_reduction_pct], radius=6.0))
    x = [value for one in series for value in one.x]
    y = [value for one in series for value in one.y]
    y_axis = axis_over(f"{result.metric.value} saved, %", y, zero=True)
    return xy_chart(axis_over("accuracy loss, points", x), y_axis, series, result.max_loss_pct)


def _figures_text(candidate: Candidate) -> str:
    return (
        f"saves {candidate.gain_pct:.2f} % for {candidate.loss_pct:.2f} points (validation), found in episode"
        f" {candidate.episode}"
    )


def _energy_chart(result: Result) -> str:
    groups = {
        "dense, 8 bits": [layer.energy_before_pj / 1e3 for layer in result.layers],
        "compressed": [layer.energy_after_pj / 1e3 for layer in result.layers],
    }
    return bar_chart("energy, nJ", [layer.name for layer in result.layers], groups)


def _curve(episodes: pd.DataFrame) -> str:
    at = [float(episode) for episode in episodes["episode"]]
    x_axis = Axis("episode", 0.0, max(at[-1], 1.0))
    reward, gain = episodes["reward"].tolist(), episodes["best_gain_pct"].tolist()
    rewards = xy_chart(
        x_axis, axis_over("reward of the episode's policy", reward), [Series("reward", at, reward, line=True)]
    )
    saved = axis_over("saved, %", gain, zero=True)
    return rewards + xy_chart(x_axis, saved, [Series("best so far within the budget", at, gain, line=True)])


def _facts(result: Result) -> dict[str, object]:
    return {
        "episodes": result.episodes,
        "evaluations": result.evaluations,
        "seconds": f"{result.wall_s:.1f}",
        "seed": result.seed,
        "accelerator": result.accelerator,
        "energy model": result.energy.value,
        "validation images": result.validation.images,
        "accuracy margin kept back": f"{result.margin_pct:.2f} points",
        "share of the time not spent measuring": f"{result.overhead_pct:.1f} %",
        "versions": ", ".join(f"{name} {version}" for name, version in result.versions.items()),
    }
