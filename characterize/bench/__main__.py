"""`python -m characterize.bench ORDER.json`: build or run a bench in a process and environment of its own.

cocotb's runner takes its settings from the environment and prints as it goes; neither is for the calling process.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from cocotb_tools.runner import get_runner

from characterize.bench.job import TOP


def main(order: dict[str, Any]) -> None:
    """Carry out one order: {"action": "build"|"test", "simulator", "folder", ...}."""
    logging.disable(logging.CRITICAL)
    runner = get_runner(order["simulator"])
    folder = Path(order["folder"])
    if order["action"] == "build":
        runner.build(
            sources=order["sources"],
            hdl_toplevel=TOP,
            build_dir=folder,
            build_args=order["build_args"],
            timescale=("1ps", "1fs"),
            waves=order["waves"],
            always=True,
            log_file=folder / "build.log",
        )
    else:
        runner.test(
            hdl_toplevel=TOP,
            hdl_toplevel_lang="verilog",
            test_module="characterize.bench.bench",
            build_dir=folder,
            test_dir=order["test_folder"],
            waves=order["waves"],
            log_file=Path(order["test_folder"]) / "test.log",
            seed=1,
        )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
