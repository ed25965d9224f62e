"""From the RTL of a MAC unit to a table of energy by precision.

import characterize
found = characterize.run(multiplier="array", bits="4,8", ci=0.05, out="mac")
print(found, found.table.p_fg, found.to_frame())
characterize.verify("mac").passed
characterize.compare(["mac", "other"]).to_frame()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from characterize.reports.comparison import Comparison, compare
    from characterize.runs.characterization import Characterization, run
    from characterize.runs.verification import VerificationReport, verify
    from characterize.spec import (
        Accounting,
        ActivityKind,
        Alignment,
        Dataflow,
        Distribution,
        OperandSpec,
        RunSpec,
        Simulator,
        VerifySpec,
    )
    from hwsim.energy.mac_table import MacEnergyTable
    from hwsim.errors import InputError, RunError

_HOMES = {
    "characterize.reports.comparison": ("Comparison", "compare"),
    "characterize.runs.characterization": ("Characterization", "run"),
    "characterize.runs.verification": ("VerificationReport", "verify"),
    "characterize.spec": (
        "Accounting",
        "ActivityKind",
        "Alignment",
        "Dataflow",
        "Distribution",
        "OperandSpec",
        "RunSpec",
        "Simulator",
        "VerifySpec",
    ),
    "hwsim": ("InputError", "MacEnergyTable", "RunError"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Accounting",
    "ActivityKind",
    "Alignment",
    "Characterization",
    "Comparison",
    "Dataflow",
    "Distribution",
    "InputError",
    "MacEnergyTable",
    "OperandSpec",
    "RunError",
    "RunSpec",
    "Simulator",
    "VerificationReport",
    "VerifySpec",
    "compare",
    "run",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import characterize` stays cheap (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'characterize' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
