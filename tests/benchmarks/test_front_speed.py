"""Speed of the way from RTL and Liberty to a netlist."""

import time
from pathlib import Path

import pytest

from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import synthesize
from characterize.technology.liberty_reader import read_liberty
from characterize.technology.liberty_writer import write_liberty
from characterize.technology.load import embedded_library


@pytest.mark.slow
def test_liberty_reads_at_ten_megabytes_a_second(tmp_path: Path) -> None:
    library = embedded_library()
    text = write_liberty(library)
    # the same cells over and over, as many as make twenty megabytes
    cells = text[text.index("  cell (") : text.rindex("}")]
    copies = 20_000_000 // len(cells) + 1
    many = "".join(cells.replace("  cell (", f"  cell (N{copy}_") for copy in range(copies))
    file = tmp_path / "large.lib"
    file.write_text(text[: text.index("  cell (")] + many + "}\n")
    started = time.process_time()
    names = [f"N3_{name}" for name in library.cells]
    assert read_liberty([file], cells=names).cells.keys() == set(names)
    assert file.stat().st_size / (time.process_time() - started) > 10e6


@pytest.mark.slow
def test_a_mac_is_synthesized_within_three_seconds() -> None:
    design, _ = mac_design("booth-weight")
    library = embedded_library()
    started = time.perf_counter()
    synthesize(design, library, 1000.0)
    assert time.perf_counter() - started < 3.0
