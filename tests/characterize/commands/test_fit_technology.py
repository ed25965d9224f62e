"""`characterize fit-technology`: a library goes in, a compact table comes out that reads back."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from characterize.cli import main
from characterize.technology.liberty_writer import write_liberty
from characterize.technology.load import embedded_library, read_compact


@pytest.fixture(scope="module")
def liberty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("fit") / "cells.lib"
    file.write_text(write_liberty(embedded_library()))
    return file


def test_a_bilinear_library_fits_itself(liberty: Path, tmp_path: Path) -> None:
    out = tmp_path / "technology.json"
    done = CliRunner().invoke(main, ["fit-technology", "--liberty", str(liberty), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "0.00 % RMS" in done.output
    fitted, library = read_compact(out), embedded_library()
    assert fitted.cells.keys() == library.cells.keys()
    for name, cell in library.cells.items():
        for a, b in zip(cell.timing, fitted[name].timing, strict=True):
            for slew, load in ((8.0, 0.6), (15.0, 1.4), (40.0, 5.0)):
                np.testing.assert_allclose(b.cell_rise.at(slew, load), a.cell_rise.at(slew, load), rtol=1e-3)
                np.testing.assert_allclose(b.fall_slew.at(slew, load), a.fall_slew.at(slew, load), rtol=1e-3)


def test_an_absent_library_and_folder_end_in_one_line(liberty: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    absent = runner.invoke(main, ["fit-technology", "--liberty", "absent.lib", "--out", str(tmp_path / "t.json")])
    assert absent.exit_code == 2
    assert absent.output.startswith("error: cannot read --liberty 'absent.lib'")
    nowhere = runner.invoke(
        main, ["fit-technology", "--liberty", str(liberty), "--out", str(tmp_path / "no" / "t.json")]
    )
    assert nowhere.exit_code == 2
    assert nowhere.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
