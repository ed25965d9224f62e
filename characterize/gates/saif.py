"""Switching activity as SAIF 2.0 (IEEE 1801, annex I), the form that power sign-off tools annotate."""

from __future__ import annotations

import re

from characterize.gates.activity import Activity
from hwsim.errors import RunError

_PLAIN = re.compile(r"[A-Za-z0-9_$]")
CONSTANT_NETS = 2


def write_saif(activity: Activity, module: str = "mac") -> str:
    """Return the SAIF text of an activity: time low and high, fs, and toggles of every net of `module`.

    Constants are left out. Toggles count every edge, glitches included; IG, glitches that were swallowed, is 0 because
    the inertial delay model does not let them happen. Raises RunError for an activity that contradicts itself.
    """
    duration_fs = activity.cycles * activity.period_fs
    lines = []
    for name, toggles, high_fs in zip(
        activity.net_names[CONSTANT_NETS:],
        activity.toggles[CONSTANT_NETS:].tolist(),
        activity.high_fs[CONSTANT_NETS:].tolist(),
        strict=True,
    ):
        if not 0 <= high_fs <= duration_fs:
            raise RunError(f"net '{name}' is high for {high_fs} fs of {duration_fs} fs; the activity is inconsistent")
        lines.append(
            f"      ({_escaped(name)} (T0 {duration_fs - high_fs}) (T1 {high_fs}) (TX 0) (TC {toggles}) (IG 0))"
        )
    head = [
        "(SAIFILE",
        '  (SAIFVERSION "2.0")',
        '  (DIRECTION "backward")',
        f'  (DESIGN "{module}")',
        '  (VENDOR "tilejoule")',
        '  (PROGRAM_NAME "characterize")',
        f'  (VERSION "{activity.source}")',
        "  (DIVIDER / )",
        "  (TIMESCALE 1 fs)",
        f"  (DURATION {duration_fs})",
        f"  (INSTANCE {_escaped(module)}",
        "    (NET",
    ]
    return "\n".join([*head, *lines, "    )", "  )", ")"]) + "\n"


def _escaped(name: str) -> str:
    """Return a name with a backslash before every character that SAIF gives a meaning of its own."""
    return "".join(character if _PLAIN.match(character) else f"\\{character}" for character in name)
