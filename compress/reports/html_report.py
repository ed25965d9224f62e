"""report.html: a finished search on one page that needs nothing else, neither files nor a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from compress.reports.svg_charts import Axis, Series, axis_over, bar_chart, xy_chart
from compress.search.result_files import ARCHIVE_FILE, read_episodes, read_result
from hwsim.errors import InputError, RunError
from hwsim.files.reading import read_json
from hwsim.files.writing import write_text

REPORT_FILE = "report.html"
_SHOWN_LOSS_PCT = 15.0

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}
svg{width:100%;max-width:720px;font-size:11px;fill:#222}.grid{stroke:#e3e3e3}
.guide{stroke:#d1495b;stroke-dasharray:4 3}.hover{cursor:pointer}.hover:hover{stroke:#222;stroke-width:2}
table{border-collapse:collapse}td,th{padding:.15rem .7rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}
.legend span{margin-right:1.2em}.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}
#policy{white-space:pre;font:12px/1.4
ui-monospace,monospace;background:#f6f6f6;padding:.8rem;min-height:6em;overflow:auto}
.bar{display:inline-block;height:.7em;background:#1f6f8b}.warn{background:#fdecea;padding:.6rem}
</style></head><body><h1>$title</h1>$headline$warning <h2>Accuracy against what is saved</h2>
<p>Every policy that no other beats in both, on the validation images. Point at one to see it.</p>
$front<div id="policy">$chosen</div>
<h2>Energy of each layer</h2>$energy
<h2>What was done to each layer</h2>$layers
<h2>The search</h2>$curve
<h2>How it was made</h2>$provenance
<script>
document.querySelectorAll('.hover').forEach(function(point){
  function show(){document.getElementById('policy').textContent=point.getAttribute('data-policy');}
  point.addEventListener('mouseenter',show);point.addEventListener('click',show);});
</script></body></html>
""")


def build_report(folder: Path) -> str:
    """Return the page of a finished search; raises InputError where the folder holds none."""
    result = read_result(folder)
    archive = read_json(folder / ARCHIVE_FILE, "the archive.json of a finished search")
    rows = read_episodes(folder)
    best, baseline = result["best"], result["baseline"]
    headline = (
        f"<p>Saves <b>{best['energy_reduction_pct']:.1f} %</b> energy and {best['latency_reduction_pct']:.1f} % "
        f"time for"
        f" <b>{best['accuracy_loss_pct']:.2f} points</b> of test accuracy: {best['accuracy_pct']:.2f} % against"
        f" {baseline['accuracy_pct']:.2f} % of the dense 8-bit network,"
        f" {best['energy_pj'] / 1e6:.4g} µJ against {baseline['energy_pj'] / 1e6:.4g} µJ.</p>"
    )
    return _PAGE.substitute(
        title=escape(f"{result['method']} on {result['model']}, {result['data']}"),
        headline=headline,
        warning=_warning(result),
        front=_front_chart(result, archive["front"], archive["layers"]),
        chosen=escape(policy_text("the chosen policy", best["policy"])),
        energy=_energy_chart(result),
        layers=_layer_table(best["policy"]),
        curve=_curve(rows),
        provenance=_provenance(result),
    )


def write_report(folder: Path) -> Path:
    """Write the page of a finished search into its folder and return its path."""
    path = folder / REPORT_FILE
    try:
        write_text(path, build_report(folder))
    except InputError as error:
        raise RunError(f"{error}; write it again with `compress report {folder}`") from None
    return path


def policy_text(title: str, layers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a policy as aligned lines of text."""
    width = max((len(name) for name in layers), default=0)
    lines = [
        f"{name:<{width}}  {layer['pruner']:<17} {layer['sparsity']:.2f}  {layer['bits']} bits"
        for name, layer in layers.items()
    ]
    return "\n".join([title, *lines])


def _warning(result: Mapping[str, Any]) -> str:
    if result["feasible"]:
        return ""
    closest = "; ".join(
        f"{entry['accuracy_loss_pct']:.2f} points for {entry['gain_pct']:.1f} %" for entry in result["closest"]
    )
    return (
        f'<p class="warn">No policy that saves anything stayed within {result["max_loss_pct"]:g} points on the'
        f" validation images; the best rewarded one is shown. Closest: {closest or 'none'}.</p>"
    )


def _front_chart(result: Mapping[str, Any], front: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    shown = [entry for entry in front if entry["loss_pct"] <= max(_SHOWN_LOSS_PCT, 2 * result["max_loss_pct"])]
    loss = [entry["loss_pct"] for entry in shown]
    gain = [100.0 * (1.0 - entry["cost"]) for entry in shown]
    marks = [policy_text(_figures_text(entry), _named(entry["choices"], names)) for entry in shown]
    chosen = result["validation"]
    series = [
        Series("non-dominated policies", loss, gain, marks=marks),
        Series("chosen (validation)", [chosen["accuracy_loss_pct"]], [chosen["gain_pct"]], radius=6.0),
    ]
    if result["metric"] == "energy":
        best = result["best"]
        series.append(Series("chosen (test)", [best["accuracy_loss_pct"]], [best["energy_reduction_pct"]], radius=6.0))
    x = [value for one in series for value in one.x]
    y = [value for one in series for value in one.y]
    x_axis = axis_over("accuracy loss, points", x)
    return xy_chart(x_axis, axis_over(f"{result['metric']} saved, %", y, zero=True), series, result["max_loss_pct"])


def _named(choices: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    dense = {"pruner": "none", "sparsity": 0.0, "bits": 8}
    return dict(zip(names, [*choices, *[dense] * (len(names) - len(choices))], strict=True))


def _figures_text(entry: Mapping[str, Any]) -> str:
    gain = 100.0 * (1.0 - entry["cost"])
    return f"saves {gain:.2f} % for {entry['loss_pct']:.2f} points (validation), found in episode {entry['episode']}"


def _energy_chart(result: Mapping[str, Any]) -> str:
    layers = result.get("layers") or []
    if not layers:
        return "<p>No energy by layer in this run.</p>"
    names = [layer["name"] for layer in layers]
    groups = {
        "dense, 8 bits": [layer["energy_before_pj"] / 1e3 for layer in layers],
        "compressed": [layer["energy_after_pj"] / 1e3 for layer in layers],
    }
    return bar_chart("energy, nJ", names, groups)


def _layer_table(policy: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["<table><tr><th>layer</th><th>pruner</th><th>sparsity</th><th>realised</th><th></th><th>bits</th></tr>"]
    for name, layer in policy.items():
        realised = layer["realised_sparsity"] or 0.0
        lines.append(
            f"<tr><td>{escape(name)}</td><td>{escape(layer['pruner'])}</td><td>{layer['sparsity']:.2f}</td>"
            f'<td>{realised:.2f}</td><td style="text-align:left;width:110px">'
            f'<span class="bar" style="width:{100 * realised:.0f}px"></span></td><td>{layer["bits"]}</td></tr>'
        )
    return "".join([*lines, "</table>"])


def _curve(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return "<p>No episode was run.</p>"
    episodes = [float(row["episode"]) for row in rows]
    x_axis = Axis("episode", 0.0, max(episodes[-1], 1.0))
    reward = [float(row["reward"]) for row in rows]
    gain = [float(row["best_gain_pct"]) for row in rows]
    rewards = xy_chart(
        x_axis, axis_over("reward of the episode's policy", reward), [Series("reward", episodes, reward, line=True)]
    )
    best = xy_chart(
        x_axis,
        axis_over("saved, %", gain, zero=True),
        [Series("best so far within the budget", episodes, gain, line=True)],
    )
    return rewards + best


def _provenance(result: Mapping[str, Any]) -> str:
    facts = {
        "episodes": result["episodes"],
        "evaluations": result["evaluations"],
        "seconds": f"{result['wall_s']:.1f}",
        "seed": result["seed"],
        "accelerator": result["accelerator"],
        "energy model": result["energy"],
        "validation images": result["validation"]["images"],
        "accuracy margin kept back": f"{result['margin_pct']:.2f} points",
        "share of the time not spent measuring": f"{result['overhead_pct']:.1f} %",
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    }
    lines = (f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f"<table>{''.join(lines)}</table>"
